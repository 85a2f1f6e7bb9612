//! How much memory one picture may take, counted in the bytes that are allocated while it is described: the same on
//! every machine and with every allocator.

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
        // SAFETY: the caller keeps this function's promises, which are the same.
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

/// What a picture takes at its peak, in bytes.
fn taken_by(networks: &mut Networks, file: Vec<u8>) -> usize {
    let picture = Picture { bytes: file.into(), rotation: true, wanted: WantedFace::Only };
    let before = IN_USE.load(Ordering::Relaxed);
    MOST_IN_USE.store(before, Ordering::Relaxed);
    let _ = networks.describe(&picture);
    MOST_IN_USE.load(Ordering::Relaxed) - before
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
        let taken = taken_by(&mut networks, file);
        println!("{at}: {name}, {len} bytes: {} MiB, {} ms", taken >> 20, started.elapsed().as_millis());
        most = most.max(taken);
        assert!(taken < PICTURE_BYTES_MAX, "picture {at}, {name}, took {} MiB", taken >> 20);
    }
    assert!(most > PICTURE_BYTES_MAX / 2, "the costliest picture took {} MiB: it is none", most >> 20);
}
