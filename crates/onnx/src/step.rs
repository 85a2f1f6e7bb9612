//! The steps of a plan. They run one after the other on the floats of the plan's arena.

use crate::kernels::bands::Bands;
use crate::kernels::conv::Conv;
use crate::kernels::tile;
use crate::nest::{self, Nest, View};
use crate::operator::{Binary, GridSample, Reduce, Tap, Unary, Window};

/// Longest row handled at once: two of them stay in the first-level cache.
const ROW_MAX: usize = 1024;

#[derive(Debug)]
pub enum Step {
    Conv(Conv),
    Bands(Bands),
    /// Walks output and input.
    Copy(Nest<2>),
    Fill {
        output: Nest<1>,
        value: f32,
    },
    /// Walks output and input.
    Unary(Unary, Nest<2>),
    /// Walks output, left and right.
    Binary(Binary, Nest<3>),
    Average(AverageStep),
    Resize(ResizeStep),
    GridSample(GridSampleStep),
    Softmax(Lines),
    Reduce(Reduce, Lines),
}

/// Channels-last images; `input` and `output` are `[N, C, H, W]` with channel stride 1.
#[derive(Debug)]
pub struct AverageStep {
    pub count_padding: bool,
    pub window: Window,
    pub input: View,
    pub output: View,
}

/// Channels-last images, as in [`AverageStep`].
#[derive(Debug)]
pub struct ResizeStep {
    pub rows: Vec<Tap>,
    pub columns: Vec<Tap>,
    pub input: View,
    pub output: View,
}

/// Channels-last images, as in [`AverageStep`]; `grid` is `[N, H, W, 2]`.
#[derive(Debug)]
pub struct GridSampleStep {
    pub sample: GridSample,
    pub grid: View,
    pub input: View,
    pub output: View,
}

/// Elements that are reduced together: `output` and `input` hold their distances from each pair of starts.
#[derive(Debug)]
pub struct Lines {
    pub starts: Nest<2>,
    pub output: Vec<usize>,
    pub input: Vec<usize>,
}

impl Step {
    pub fn run(&self, arena: &mut [f32]) {
        match self {
            Self::Conv(conv) => tile::run(conv, 0..conv.tiles(), arena),
            Self::Bands(bands) => bands.run(arena),
            Self::Copy(walk) => map(arena, walk, |_| {}),
            Self::Fill { output, value } => output.rows(ROW_MAX, |row| {
                nest::write(arena, row.starts[0], row.steps[0], &[*value; ROW_MAX][..row.len]);
            }),
            Self::Unary(unary, walk) => map(arena, walk, |row| {
                for x in row {
                    *x = unary.apply(*x);
                }
            }),
            Self::Binary(binary, walk) => run_binary(arena, *binary, walk),
            Self::Average(average) => average.run(arena),
            Self::Resize(resize) => resize.run(arena),
            Self::GridSample(sample) => sample.run(arena),
            Self::Softmax(lines) => run_softmax(arena, lines),
            Self::Reduce(kind, lines) => run_reduce(arena, *kind, lines),
        }
    }
}

fn map(arena: &mut [f32], walk: &Nest<2>, change: impl Fn(&mut [f32])) {
    let mut scratch = [0.0; ROW_MAX];
    walk.rows(ROW_MAX, |row| {
        let values = &mut scratch[..row.len];
        nest::read(arena, row.starts[1], row.steps[1], values);
        change(values);
        nest::write(arena, row.starts[0], row.steps[0], values);
    });
}

fn run_binary(arena: &mut [f32], binary: Binary, walk: &Nest<3>) {
    let (mut left, mut right) = ([0.0f32; ROW_MAX], [0.0f32; ROW_MAX]);
    walk.rows(ROW_MAX, |row| {
        let (a, b) = (&mut left[..row.len], &mut right[..row.len]);
        nest::read(arena, row.starts[1], row.steps[1], a);
        nest::read(arena, row.starts[2], row.steps[2], b);
        let pairs = a.iter_mut().zip(&*b);
        match binary {
            Binary::Add => pairs.for_each(|(a, b)| *a += b),
            Binary::Sub => pairs.for_each(|(a, b)| *a -= b),
            Binary::Mul => pairs.for_each(|(a, b)| *a *= b),
            Binary::Div => pairs.for_each(|(a, b)| *a /= b),
            Binary::Max => pairs.for_each(|(a, b)| *a = a.max(*b)),
            Binary::Min => pairs.for_each(|(a, b)| *a = a.min(*b)),
            Binary::Pow => pairs.for_each(|(a, b)| *a = a.powf(*b)),
        }
        nest::write(arena, row.starts[0], row.steps[0], a);
    });
}

impl AverageStep {
    fn run(&self, arena: &mut [f32]) {
        let &[images, channels, height, width] = self.output.shape.as_slice() else {
            unreachable!("pools work on images")
        };
        let mut sums = vec![0.0f32; channels];
        for image in 0..images {
            for y in 0..height {
                for x in 0..width {
                    self.pixel(arena, &mut sums, image, [y, x]);
                    let [n, _, h, w] = self.output.strides[..] else { unreachable!("an image") };
                    let start = self.output.start + image * n + y * h + x * w;
                    arena[start..start + channels].copy_from_slice(&sums);
                }
            }
        }
    }

    /// Averages the window of one output pixel into `sums`, one for each channel.
    fn pixel(&self, arena: &[f32], sums: &mut [f32], image: usize, at: [usize; 2]) {
        let &[n, _, h, w] = self.input.strides.as_slice() else { unreachable!("an image") };
        let inside = |d: usize, k: usize| {
            let place = at[d] * self.window.stride[d] + k * self.window.dilation[d];
            place.checked_sub(self.window.before[d]).filter(|&p| p < self.input.shape[2 + d])
        };
        let [kh, kw] = self.window.kernel;
        let mut count = 0;
        sums.fill(0.0);
        for y in (0..kh).filter_map(|k| inside(0, k)) {
            for x in (0..kw).filter_map(|k| inside(1, k)) {
                let start = self.input.start + image * n + y * h + x * w;
                let pixel = &arena[start..start + sums.len()];
                sums.iter_mut().zip(pixel).for_each(|(s, x)| *s += x);
                count += 1;
            }
        }
        let count = if self.count_padding { kh * kw } else { count };
        let share = 1.0 / count.max(1) as f32;
        for sum in sums {
            *sum *= share;
        }
    }
}

impl ResizeStep {
    fn run(&self, arena: &mut [f32]) {
        let &[images, channels, ..] = self.output.shape.as_slice() else { unreachable!("an image") };
        let mut sums = vec![0.0f32; channels];
        for image in 0..images {
            for (y, row) in self.rows.iter().enumerate() {
                for (x, column) in self.columns.iter().enumerate() {
                    let to = pixel(&self.output, image, [y, x]);
                    if row.weight == 0.0 && column.weight == 0.0 {
                        let from = pixel(&self.input, image, [row.low, column.low]);
                        arena.copy_within(from..from + channels, to);
                        continue;
                    }
                    sums.fill(0.0);
                    for (v, share_y) in [(row.low, 1.0 - row.weight), (row.high, row.weight)] {
                        for (u, share_x) in [(column.low, 1.0 - column.weight), (column.high, column.weight)] {
                            let from = pixel(&self.input, image, [v, u]);
                            let share = share_y * share_x;
                            let pixel = &arena[from..from + channels];
                            sums.iter_mut().zip(pixel).for_each(|(s, x)| *s += share * x);
                        }
                    }
                    arena[to..to + channels].copy_from_slice(&sums);
                }
            }
        }
    }
}

impl GridSampleStep {
    fn run(&self, arena: &mut [f32]) {
        let &[images, _, height, width] = self.output.shape.as_slice() else { unreachable!("an image") };
        let &[n, h, w, axis] = self.grid.strides.as_slice() else { unreachable!("places of an image") };
        for image in 0..images {
            for y in 0..height {
                for x in 0..width {
                    let place = self.grid.start + image * n + y * h + x * w;
                    let at = [arena[place + axis], arena[place]];
                    self.read(arena, image, at, pixel(&self.output, image, [y, x]));
                }
            }
        }
    }

    /// Writes the input at (y, x) to `to`, with bilinear interpolation. Pixels outside the image count as zero.
    fn read(&self, arena: &mut [f32], image: usize, at: [f32; 2], to: usize) {
        let channels = self.output.shape[1];
        let sides = [self.input.shape[2], self.input.shape[3]];
        let taps = [0, 1].map(|axis| {
            let at = self.sample.pixel(at[axis], sides[axis]);
            let low = at.floor();
            [(low, low + 1.0 - at), (low + 1.0, at - low)]
        });
        arena[to..to + channels].fill(0.0);
        for (y, share_y) in taps[0].into_iter().filter(|(y, _)| (0.0..sides[0] as f32).contains(y)) {
            for (x, share_x) in taps[1].into_iter().filter(|(x, _)| (0.0..sides[1] as f32).contains(x)) {
                let from = pixel(&self.input, image, [y as usize, x as usize]);
                for channel in 0..channels {
                    arena[to + channel] += share_y * share_x * arena[from + channel];
                }
            }
        }
    }
}

/// Returns the arena index of a pixel's first channel.
fn pixel(view: &View, image: usize, [y, x]: [usize; 2]) -> usize {
    view.start + image * view.strides[0] + y * view.strides[2] + x * view.strides[3]
}

fn run_softmax(arena: &mut [f32], lines: &Lines) {
    let mut line = vec![0.0f32; lines.input.len()];
    lines.starts.rows(1, |row| {
        let [output, input] = row.starts;
        line.iter_mut().zip(&lines.input).for_each(|(v, at)| *v = arena[input + at]);
        let top = line.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        for value in &mut line {
            *value = (*value - top).exp();
        }
        let total: f32 = line.iter().sum();
        lines.output.iter().zip(&line).for_each(|(at, v)| arena[output + at] = v / total);
    });
}

fn run_reduce(arena: &mut [f32], kind: Reduce, lines: &Lines) {
    lines.starts.rows(1, |row| {
        let [output, input] = row.starts;
        let values = lines.input.iter().map(|at| arena[input + at]);
        arena[output] = match kind {
            Reduce::Sum => values.sum(),
            Reduce::Mean => values.sum::<f32>() / lines.input.len() as f32,
            Reduce::Max => values.fold(f32::NEG_INFINITY, f32::max),
            Reduce::Min => values.fold(f32::INFINITY, f32::min),
            Reduce::L2 => values.map(|v| v * v).sum::<f32>().sqrt(),
        };
    });
}
