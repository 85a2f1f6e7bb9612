//! Memory for the intermediate values of one inference.

use std::sync::{Arc, Mutex, PoisonError};

use crate::kernels::conv::LINE;

/// Memory that runners may share: they then run one after the other, and need as much as the largest of them. Clones are
/// the same memory.
#[derive(Debug, Clone, Default)]
pub struct Scratch(Arc<Mutex<Vec<f32>>>);

impl Scratch {
    /// Runs `work` on at least `len` floats, which begin on a cache line and hold whatever the last work left there.
    pub(crate) fn with<T>(&self, len: usize, work: impl FnOnce(&mut [f32]) -> T) -> T {
        let mut memory = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if memory.len() < len + LINE {
            // The old memory is freed first, since nobody needs what it holds.
            *memory = vec![];
            *memory = vec![0.0; len + LINE];
        }
        let first = memory.as_ptr().align_offset(LINE * size_of::<f32>()).min(LINE);
        work(&mut memory[first..])
    }
}
