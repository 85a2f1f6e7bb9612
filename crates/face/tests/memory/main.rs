//! Measures the memory that one picture may take, in bytes that are allocated while it is described: the same on every
//! machine and with every allocator. The JPEG decoder allocates in C, which shows in the memory of the process.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use face::networks::{Compiled, Networks, Settings};
use face::pack::Pack;
use face::{Picture, WantedFace};
use testkit::{disorder, hostile, project};

/// The most that one picture may take beside what its networks always hold.
const PICTURE_BYTES_MAX: usize = 300 << 20;

/// The system's allocator, which counts the bytes in use.
struct Counting;

static IN_USE: AtomicUsize = AtomicUsize::new(0);
static MOST_IN_USE: AtomicUsize = AtomicUsize::new(0);

fn taken(bytes: usize) {
    let in_use = IN_USE.fetch_add(bytes, Ordering::Relaxed) + bytes;
    MOST_IN_USE.fetch_max(in_use, Ordering::Relaxed);
}

// SAFETY: every call is the system allocator's own.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        taken(layout.size());
        // SAFETY: the caller keeps the contract of this function, which is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        taken(layout.size());
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        IN_USE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // Old and new may lie beside each other while the bytes are copied.
        taken(size);
        IN_USE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The most bytes that a picture takes at once.
struct Taken {
    allocated: usize,
    /// The growth of the process' resident memory; 0 if the system does not report it.
    resident: usize,
    answer: String,
}

/// Returns a number of the process' status, in bytes; 0 if the system does not report it.
fn status(name: &str) -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).and_then(|line| line.split_whitespace().next());
    line.map_or(0, |kibibytes| kibibytes.parse::<usize>().expect("it is a number") << 10)
}

fn taken_by(networks: &mut Networks, file: Vec<u8>) -> Taken {
    let picture = Picture { bytes: file.into(), rotation: true, wanted: WantedFace::Only };
    let before = IN_USE.load(Ordering::Relaxed);
    MOST_IN_USE.store(before, Ordering::Relaxed);
    // From here on the peak of resident memory is counted anew.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
    let resident = status("VmRSS:");
    let answer = networks.describe(&picture).map_or_else(|error| error.to_string(), |_| "a face".to_owned());
    Taken {
        allocated: MOST_IN_USE.load(Ordering::Relaxed) - before,
        resident: status("VmHWM:").saturating_sub(resident),
        answer,
    }
}

#[test]
fn no_picture_takes_more_than_it_may() {
    let pack = Pack::built_in().expect("the pack is whole");
    let compiled = Compiled::new(&pack, Settings::default()).expect("its networks compile");
    let mut networks = Networks::new(&compiled);
    taken_by(&mut networks, project::sample("obama2.jpg"));
    let ordinary = [disorder::extreme(), disorder::costly()].concat().into_iter().map(|file| ("a whole picture", file));
    let mut most = 0;
    for (at, (name, file)) in ordinary.chain(hostile::pictures()).enumerate() {
        let (started, len) = (Instant::now(), file.len());
        let Taken { allocated, resident, answer } = taken_by(&mut networks, file);
        let [allocated_mib, resident_mib] = [allocated >> 20, resident >> 20];
        let ms = started.elapsed().as_millis();
        println!(
            "{at}: {name}, {len} bytes: {allocated_mib} MiB allocated, {resident_mib} MiB resident, {ms} ms; {answer}"
        );
        most = most.max(allocated);
        let taken = allocated.max(resident);
        assert!(taken < PICTURE_BYTES_MAX, "picture {at}, {name}, took {} MiB", taken >> 20);
    }
    assert!(most > PICTURE_BYTES_MAX / 2, "the costliest picture took {} MiB: it is none", most >> 20);
}
