//! Loops over tensors of any rank and layout that lie in one arena.

/// A tensor in the arena: element `[i, j, ..]` lies at `start + i * strides[0] + j * strides[1] ..`.
#[derive(Clone, Debug, PartialEq)]
pub struct View {
    pub buffer: usize,
    pub start: usize,
    pub shape: Vec<usize>,
    pub strides: Vec<usize>,
}

impl View {
    /// Returns true if the elements lie in row-major order without gaps.
    pub fn is_plain(&self) -> bool {
        let mut expected = 1;
        for (&size, &stride) in self.shape.iter().zip(&self.strides).rev() {
            if size != 1 && stride != expected {
                return false;
            }
            expected *= size;
        }
        true
    }

    /// Returns the strides for a broadcast result of `rank` axes: zero along every repeated axis.
    pub fn broadcast_strides(&self, rank: usize) -> Vec<usize> {
        let missing = rank - self.shape.len();
        let own = |axis: usize| if self.shape[axis] == 1 { 0 } else { self.strides[axis] };
        (0..rank).map(|axis| axis.checked_sub(missing).map_or(0, own)).collect()
    }
}

/// A nest of loops that walks `N` tensors in step. The caller receives the innermost loop as a row.
#[derive(Debug)]
pub struct Nest<const N: usize> {
    starts: [usize; N],
    outer: Vec<Loop<N>>,
    row: Loop<N>,
}

#[derive(Clone, Copy, Debug)]
struct Loop<const N: usize> {
    len: usize,
    steps: [usize; N],
}

/// One innermost loop: element `i` of tensor `t` lies at `starts[t] + i * steps[t]`.
#[derive(Clone, Copy, Debug)]
pub struct Row<const N: usize> {
    pub len: usize,
    pub starts: [usize; N],
    pub steps: [usize; N],
}

impl<const N: usize> Nest<N> {
    /// Walks `shape` with the strides of each tensor, in the memory order of the first, with
    /// neighbouring loops joined where every tensor allows it.
    pub fn new(shape: &[usize], starts: [usize; N], strides: [&[usize]; N]) -> Self {
        let axis = |axis: usize| Loop { len: shape[axis], steps: strides.map(|s| s[axis]) };
        let mut loops: Vec<Loop<N>> = (0..shape.len()).filter(|&a| shape[a] != 1).map(axis).collect();
        loops.sort_by_key(|l| std::cmp::Reverse(l.steps[0]));
        let mut outer: Vec<Loop<N>> = Vec::new();
        for inner in loops {
            match outer.last_mut() {
                Some(last) if (0..N).all(|t| last.steps[t] == inner.steps[t] * inner.len) => {
                    *last = Loop { len: last.len * inner.len, steps: inner.steps };
                }
                _ => outer.push(inner),
            }
        }
        let row = outer.pop().unwrap_or(Loop { len: 1, steps: [0; N] });
        Self { starts, outer, row }
    }

    /// Calls `visit` for each innermost row, cut to at most `len_max` elements.
    pub fn rows(&self, len_max: usize, mut visit: impl FnMut(Row<N>)) {
        walk(self.starts, &self.outer, &mut |mut starts: [usize; N]| {
            let mut left = self.row.len;
            while left > 0 {
                let len = left.min(len_max);
                visit(Row { len, starts, steps: self.row.steps });
                for (start, step) in starts.iter_mut().zip(self.row.steps) {
                    *start += len * step;
                }
                left -= len;
            }
        });
    }
}

fn walk<const N: usize>(starts: [usize; N], loops: &[Loop<N>], visit: &mut impl FnMut([usize; N])) {
    let Some((first, inner)) = loops.split_first() else { return visit(starts) };
    for i in 0..first.len {
        let at = std::array::from_fn(|t| starts[t] + i * first.steps[t]);
        walk(at, inner, visit);
    }
}

/// Copies `into.len()` elements that lie `step` apart, from `start` on.
pub fn read(arena: &[f32], start: usize, step: usize, into: &mut [f32]) {
    match step {
        0 => into.fill(arena[start]),
        1 => into.copy_from_slice(&arena[start..start + into.len()]),
        _ => into.iter_mut().zip(arena[start..].iter().step_by(step)).for_each(|(v, x)| *v = *x),
    }
}

/// Copies `from` to elements that lie `step` apart, from `start` on: the reverse of [`read`].
pub fn write(arena: &mut [f32], start: usize, step: usize, from: &[f32]) {
    if step == 1 {
        arena[start..start + from.len()].copy_from_slice(from);
        return;
    }
    let places = arena[start..].iter_mut().step_by(step.max(1));
    places.zip(from).for_each(|(v, x)| *v = *x);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loops_join_where_memory_is_contiguous() {
        let nest = Nest::new(&[2, 3, 4], [0, 100], [&[12, 4, 1], &[12, 4, 1]]);
        let mut rows = vec![];
        nest.rows(usize::MAX, |row| rows.push((row.len, row.starts)));
        assert_eq!(rows, [(24, [0, 100])]);
    }

    #[test]
    fn a_transposed_walk_follows_the_first_tensor() {
        let nest = Nest::new(&[2, 3], [0, 0], [&[1, 2], &[3, 1]]);
        let mut rows = vec![];
        nest.rows(usize::MAX, |row| rows.push((row.len, row.starts, row.steps)));
        assert_eq!(rows, [(2, [0, 0], [1, 3]), (2, [2, 1], [1, 3]), (2, [4, 2], [1, 3])]);
    }
}
