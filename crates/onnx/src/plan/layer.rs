//! Layers with weights. Each becomes one convolution that includes the nodes after it where it can.

use std::borrow::Cow;

use crate::error::Error;
use crate::fold;
use crate::kernels::conv::{Activation, Parts};
use crate::kernels::tiling::{Outside, Places};
use crate::nest::View;
use crate::network::{Node, ValueId};
use crate::operator::{Binary, Op, Unary, Window};
use crate::plan::Compiler;

/// A 1 x 1 window: dense layers and per-channel arithmetic.
const POINT: Window = Window { kernel: [1, 1], stride: [1, 1], dilation: [1, 1], before: [0, 0], after: [0, 0] };

/// The nodes after a layer that run in the layer's own pass.
struct Tail {
    residual: Option<ValueId>,
    activation: Activation,
    /// The value the last fused node produces.
    output: ValueId,
}

impl<'a> Compiler<'a> {
    pub(super) fn layer(&mut self, index: usize, node: &Node) -> Result<(), Error> {
        let shape = self.shape(node.output);
        let (input, owned) = self.layer_input(node);
        let channels = input.shape[1];
        let (window, group) = match node.op {
            Op::Conv { group, window } => (window, group),
            Op::Linear => (POINT, 1),
            _ => (POINT, channels),
        };
        let size = window.output([input.shape[2], input.shape[3]]).expect("checked by lowering");
        let places = places(node, &input, window, size, Outside::Zeros)?;
        let (weights, bias) = self.layer_weights(node);
        let pixels = self.image([input.shape[0], bias.len(), size[0], size[1]]);
        let output = unfold(&pixels, shape);
        let mut tail = self.tail(index, node, &output);
        if let Op::PRelu = node.op {
            tail.activation = Activation::Slope(self.net.weights(node.inputs[1]).to_vec());
        }
        let residual = tail.residual.map(|id| self.view(id).start);
        self.conv(&Parts {
            weights: &weights,
            bias: &bias,
            activation: tail.activation,
            group,
            places,
            output: pixels.start,
            residual,
        });
        self.views[tail.output] = Some(output);
        if let Some(id) = tail.residual {
            self.release(id);
        }
        if let Some(buffer) = owned {
            self.arena.release(buffer);
        }
        Ok(())
    }

    /// Returns the input as an image with channel stride 1, and the buffer of its copy if it had to be copied.
    fn layer_input(&mut self, node: &Node) -> (View, Option<usize>) {
        let view = self.view(node.inputs[0]);
        let shape = view.shape.clone();
        let folded = match (&node.op, shape.as_slice()) {
            (_, [_, _, _, _]) if !matches!(node.op, Op::Linear) => view.clone(),
            (_, &[n, c]) => {
                View { shape: vec![n, c, 1, 1], strides: vec![view.strides[0], view.strides[1], 0, 0], ..view }
            }
            (Op::Linear, _) => return self.rows_of(&view),
            // All further axes become the pixels of one line.
            _ => return self.columns_of(&view),
        };
        self.channels_last(folded)
    }

    /// Copies `[.., K]` to an image `[rows, K, 1, 1]`.
    fn rows_of(&mut self, view: &View) -> (View, Option<usize>) {
        let depth = view.shape.last().copied().unwrap_or(1);
        let rows = view.shape.iter().product::<usize>() / depth.max(1);
        let plain = self.plain(&view.shape);
        self.copy(view, &plain);
        let buffer = plain.buffer;
        (View { shape: vec![rows, depth, 1, 1], strides: vec![depth, 1, 0, 0], ..plain }, Some(buffer))
    }

    /// Copies `[N, C, ..]` to an image `[N, C, L, 1]`.
    fn columns_of(&mut self, view: &View) -> (View, Option<usize>) {
        let (n, c) = (view.shape[0], view.shape[1]);
        let line: usize = view.shape[2..].iter().product();
        let plain = self.plain(&view.shape);
        self.copy(view, &plain);
        let buffer = plain.buffer;
        let image = View { shape: vec![n, c, line, 1], strides: vec![c * line, line, 1, 0], ..plain };
        let (last, copied) = self.channels_last(image);
        if copied.is_none() {
            return (last, Some(buffer));
        }
        self.arena.release(buffer);
        (last, copied)
    }

    /// Returns the image with channel stride 1, and the buffer of its copy if its channel stride was another.
    pub(super) fn channels_last(&mut self, view: View) -> (View, Option<usize>) {
        if view.strides[1] == 1 || view.shape[1] == 1 {
            return (view, None);
        }
        let [n, c, h, w] = view.shape[..] else { unreachable!("callers pass images") };
        let image = self.image([n, c, h, w]);
        self.copy(&view, &image);
        let buffer = image.buffer;
        (image, Some(buffer))
    }

    /// Returns the weights `[out, in / group, taps]` and the bias.
    fn layer_weights(&self, node: &Node) -> (Cow<'a, [f32]>, Cow<'a, [f32]>) {
        let net = self.net;
        let weights = |index: usize| net.weights(node.inputs[index]);
        match node.op {
            Op::PRelu => {
                let channels = weights(1).len();
                (vec![1.0; channels].into(), vec![0.0; channels].into())
            }
            _ => (weights(1).into(), weights(2).into()),
        }
    }

    /// Fuses the addition and the activation that follow node `index`, if nothing else reads the values between and the
    /// other addend already has the layout of `output`.
    fn tail(&mut self, index: usize, node: &Node, output: &View) -> Tail {
        let mut tail = Tail { residual: None, activation: Activation::None, output: node.output };
        if let Op::PRelu = node.op {
            return tail;
        }
        if let Some((next, other)) = self.addition_after(index, tail.output, output) {
            tail.residual = Some(other);
            self.fuse(next, &mut tail);
        }
        let activation = self.only_reader(index, tail.output).and_then(|next| {
            let node = &self.net.nodes[next];
            let channels = output.shape.get(1).copied().unwrap_or(1);
            let activation = match node.op {
                Op::Unary(Unary::LeakyRelu(slope)) => Activation::Slope(vec![slope; channels]),
                Op::Unary(Unary::Clip(low, high)) => Activation::Clamp(low, high),
                Op::PRelu => Activation::Slope(self.net.weights(node.inputs[1]).to_vec()),
                _ => return None,
            };
            Some((next, activation))
        });
        // Slopes apply along axis 1. These are the layer's channels, unless a dense layer has more axes.
        if let Some((next, activation)) = activation.filter(|_| output.strides.get(1) == Some(&1)) {
            tail.activation = activation;
            self.fuse(next, &mut tail);
        }
        tail
    }

    fn fuse(&mut self, node: usize, tail: &mut Tail) {
        self.fused[node] = true;
        self.readers[tail.output] = 0;
        tail.output = self.net.nodes[node].output;
    }

    /// Returns the node that reads `value`, if there is only one and `value` is not an output.
    fn only_reader(&self, index: usize, value: ValueId) -> Option<usize> {
        let after = self.net.nodes[index + 1..].iter();
        let mut readers = after.enumerate().filter(|(_, node)| node.inputs.contains(&value)).map(|(i, _)| i);
        let first = readers.next()?;
        (self.readers[value] == 1).then_some(index + 1 + first)
    }

    /// Returns the addition that alone reads `value`, and its other addend.
    fn addition_after(&self, index: usize, value: ValueId, output: &View) -> Option<(usize, ValueId)> {
        let next = self.only_reader(index, value)?;
        let Node { op: Op::Binary(Binary::Add), inputs, .. } = &self.net.nodes[next] else {
            return None;
        };
        let other = if inputs[0] == value { inputs[1] } else { inputs[0] };
        let view = self.views[other].as_ref()?;
        (view.shape == output.shape && view.strides == output.strides).then_some((next, other))
    }
}

/// Views a layer's output pixels in the shape that the network gives them.
fn unfold(pixels: &View, shape: &[usize]) -> View {
    let strides = match *shape {
        [_, _, _, _] => pixels.strides.clone(),
        [_, _] => vec![pixels.strides[0], 1],
        _ if pixels.shape[2..] == [1, 1] => {
            // Rows of a dense layer: the channels are the last axis.
            let mut strides = vec![1; shape.len()];
            let mut step = pixels.strides[0];
            for axis in (0..shape.len().saturating_sub(1)).rev() {
                strides[axis] = step;
                step *= shape[axis];
            }
            strides
        }
        _ => {
            // Columns: the axes from the third on step over pixels.
            let mut strides = vec![pixels.strides[0], 1];
            let inner = fold::strides(&shape[2..]);
            strides.extend(inner.iter().map(|s| s * pixels.strides[2]));
            strides
        }
    };
    View { shape: shape.to_vec(), strides, ..pixels.clone() }
}

/// Returns the places that the window's taps read. Fails if one does not fit 32 bits.
pub(super) fn places(
    node: &Node,
    input: &View,
    window: Window,
    size: [usize; 2],
    outside: Outside,
) -> Result<Places, Error> {
    Places::new(input, window, size, outside).ok_or_else(|| Error::Node {
        node: node.name.clone(),
        op: "window".into(),
        reason: "intermediate values of more than 16 GiB".into(),
    })
}
