//! The operators that nodes are lowered to.

/// An operator with every parameter resolved. Shapes are in ONNX order: images are `[N, C, H, W]`.
#[derive(Clone, Debug)]
pub enum Op {
    /// Image, weight `[O, C / group, kh, kw]`, bias `[O]`; weight and bias are constants.
    Conv {
        group: usize,
        window: Window,
    },
    /// `[.., K]`, weight `[O, K]`, bias `[O]`; weight and bias are constants.
    Linear,
    /// `x[:, c] * scale[c] + shift[c]` along axis 1; inputs x, scale `[C]`, shift `[C]` (constants).
    Affine,
    /// Leaky rectifier with a slope for each index of axis 1; inputs x, slope `[C]` (constant).
    PRelu,
    Unary(Unary),
    Binary(Binary),
    Pool {
        kind: Pool,
        window: Window,
    },
    Resize {
        rows: Vec<Tap>,
        columns: Vec<Tap>,
    },
    /// Samples images `[N, C, H, W]` at the points of a grid `[N, H', W', 2]`: x and y, each -1 to 1 from edge to edge,
    /// with bilinear interpolation.
    GridSample(GridSample),
    Softmax {
        axis: usize,
    },
    /// Keeps the reduced axes with size 1.
    Reduce {
        kind: Reduce,
        axes: Vec<usize>,
    },
    Reshape,
    Transpose {
        perm: Vec<usize>,
    },
    Concat {
        axis: usize,
    },
    /// Takes these indices of one axis, in this order.
    Gather {
        axis: usize,
        indices: Vec<usize>,
    },
    Slice {
        starts: Vec<usize>,
        steps: Vec<usize>,
    },
    Pad {
        before: Vec<usize>,
        value: f32,
    },
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Unary {
    LeakyRelu(f32),
    Clip(f32, f32),
    Sigmoid,
    /// `x * clamp(x * alpha + beta, 0, 1)` without the leading `x` when `gated` is false.
    HardSigmoid {
        alpha: f32,
        beta: f32,
        gated: bool,
    },
    Tanh,
    Exp,
    Sqrt,
    Abs,
    Neg,
}

impl Unary {
    pub fn apply(self, x: f32) -> f32 {
        match self {
            Self::LeakyRelu(slope) => x.max(0.0) + slope * x.min(0.0),
            Self::Clip(low, high) => x.max(low).min(high),
            Self::Sigmoid => 1.0 / (1.0 + (-x).exp()),
            Self::HardSigmoid { alpha, beta, gated } => {
                (x * alpha + beta).clamp(0.0, 1.0) * if gated { x } else { 1.0 }
            }
            Self::Tanh => x.tanh(),
            Self::Exp => x.exp(),
            Self::Sqrt => x.sqrt(),
            Self::Abs => x.abs(),
            Self::Neg => -x,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binary {
    Add,
    Sub,
    Mul,
    Div,
    Max,
    Min,
    Pow,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pool {
    Max,
    /// Padding counts as zeros if `count_padding`, else it is left out of the mean.
    Average {
        count_padding: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GridSample {
    /// If true, -1 and 1 are the centres of the outermost pixels; else their outer edges.
    pub align_corners: bool,
    /// If true, a point outside the image reads the border; else pixels outside count as zero.
    pub border: bool,
}

impl GridSample {
    /// Converts a place from -1 to 1 on a line of `len` pixels to pixels: 0 is the centre of the first one.
    pub fn pixel(self, place: f32, len: usize) -> f32 {
        let len = len as f32;
        let at = if self.align_corners {
            (place + 1.0) * (len - 1.0) / 2.0
        } else {
            f32::midpoint((place + 1.0) * len, -1.0)
        };
        if self.border { at.clamp(0.0, len - 1.0) } else { at }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reduce {
    Sum,
    Mean,
    Max,
    Min,
    L2,
}

/// One output row or column of a resize: `(1 - weight) * x[low] + weight * x[high]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tap {
    pub low: usize,
    pub high: usize,
    pub weight: f32,
}

/// A sliding window over height and width, in that order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    pub kernel: [usize; 2],
    pub stride: [usize; 2],
    pub dilation: [usize; 2],
    pub before: [usize; 2],
    pub after: [usize; 2],
}

impl Window {
    /// Returns output height and width; `None` if the window is larger than the padded image.
    pub fn output(&self, size: [usize; 2]) -> Option<[usize; 2]> {
        let along = |d: usize| {
            let reach = (self.kernel[d] - 1) * self.dilation[d] + 1;
            let room = (size[d] + self.before[d] + self.after[d]).checked_sub(reach)?;
            Some(room / self.stride[d] + 1)
        };
        Some([along(0)?, along(1)?])
    }
}
