//! Memory for decoded pictures: many small ones at once, but large ones one after the other.

use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// A number of bytes that workers share. Clones share them too.
#[derive(Clone)]
pub struct Memory(Arc<Shared>);

struct Shared {
    bytes_max: u64,
    used: Mutex<u64>,
    freed: Condvar,
}

/// A part of [`Memory`], given back when dropped.
pub struct Reserved {
    memory: Memory,
    bytes: u64,
}

impl Memory {
    pub fn new(bytes_max: u64) -> Self {
        Self(Arc::new(Shared { bytes_max, used: Mutex::new(0), freed: Condvar::new() }))
    }

    /// Waits until there is room. A request for more bytes than there are waits until it can have all of them alone.
    pub fn reserve(&self, bytes: u64) -> Reserved {
        let used = self.0.used.lock().unwrap_or_else(PoisonError::into_inner);
        let full = |used: &mut u64| *used > 0 && *used + bytes > self.0.bytes_max;
        let mut used = self.0.freed.wait_while(used, full).unwrap_or_else(PoisonError::into_inner);
        *used += bytes;
        Reserved { memory: self.clone(), bytes }
    }
}

impl Reserved {
    /// Gives back all but `bytes`.
    pub fn shrink(&mut self, bytes: u64) {
        let spare = self.bytes.saturating_sub(bytes);
        self.bytes -= spare;
        *self.memory.0.used.lock().unwrap_or_else(PoisonError::into_inner) -= spare;
        self.memory.0.freed.notify_all();
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.shrink(0);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_has_no_room_waits_for_it() {
        let memory = Memory::new(10);
        let (first, mut second) = (memory.reserve(4), memory.reserve(6));
        let (sender, receiver) = mpsc::channel();
        let waiting = memory.clone();
        let thread = thread::spawn(move || {
            let third = waiting.reserve(5);
            sender.send(()).expect("the test listens");
            drop(third);
            drop(waiting.reserve(100));
        });
        assert!(receiver.recv_timeout(Duration::from_millis(20)).is_err());
        second.shrink(1);
        receiver.recv().expect("there is room now");
        drop((first, second));
        thread.join().expect("it had all to itself");
    }
}
