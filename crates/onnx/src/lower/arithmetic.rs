//! Dense layers, normalisation, activations and element-wise arithmetic.

use crate::error::Error;
use crate::lower::Lowering;
use crate::network::ValueId;
use crate::operator::{Binary, Op, Pool, Reduce, Unary};
use crate::tensor::Tensor;

impl Lowering<'_> {
    pub(super) fn unary(&mut self, unary: Unary) -> Result<ValueId, Error> {
        let input = self.input(0)?;
        let shape = self.shape(input);
        Ok(self.emit(Op::Unary(unary), vec![input], shape))
    }

    pub(super) fn clip(&mut self) -> Result<ValueId, Error> {
        let bound = |input: Option<Vec<f32>>, name: &str, default: f32| {
            let given = input.and_then(|values| values.first().copied());
            given.unwrap_or_else(|| self.raw.float(name, default))
        };
        let low = bound(self.floats(1)?, "min", f32::NEG_INFINITY);
        let high = bound(self.floats(2)?, "max", f32::INFINITY);
        self.unary(Unary::Clip(low, high))
    }

    pub(super) fn hard_sigmoid(&mut self, alpha: f32, beta: f32, gated: bool) -> Result<ValueId, Error> {
        self.unary(Unary::HardSigmoid { alpha, beta, gated })
    }

    pub(super) fn prelu(&mut self) -> Result<ValueId, Error> {
        let input = self.input(0)?;
        let slope_id = self.input(1)?;
        let slope = self.floats(1)?.unwrap_or_default();
        if let [slope] = slope[..] {
            return self.unary(Unary::LeakyRelu(slope));
        }
        let shape = self.shape(input);
        let slope = per_channel(&slope, &self.shape(slope_id), &shape)
            .ok_or_else(|| self.raw.error("its slope must be one per channel"))?;
        let slope = self.new_constant("slope", Tensor::f32(&[slope.len()], slope));
        Ok(self.emit(Op::PRelu, vec![input, slope], shape))
    }

    pub(super) fn batch_normalization(&mut self) -> Result<ValueId, Error> {
        let epsilon = self.raw.float("epsilon", 1e-5);
        let mut parts = Vec::new();
        for index in 1..5 {
            parts.push(self.floats(index)?.unwrap_or_default());
        }
        let input = self.input(0)?;
        let shape = self.shape(input);
        let channels = *shape.get(1).ok_or_else(|| self.raw.error("it has no channels"))?;
        if parts.iter().any(|part| part.len() != channels) {
            return Err(self.raw.error(format!("it does not fit {channels} channels")));
        }
        let [gamma, beta, mean, variance] = &parts[..] else { unreachable!("four were read") };
        let scale: Vec<f32> = gamma.iter().zip(variance).map(|(g, v)| g / (v + epsilon).sqrt()).collect();
        let shift = (0..channels).map(|c| beta[c] - mean[c] * scale[c]).collect();
        Ok(self.affine(input, scale, shift))
    }

    fn affine(&mut self, input: ValueId, scale: Vec<f32>, shift: Vec<f32>) -> ValueId {
        let scale = self.new_constant("scale", Tensor::f32(&[scale.len()], scale));
        let shift = self.new_constant("shift", Tensor::f32(&[shift.len()], shift));
        let shape = self.shape(input);
        self.emit(Op::Affine, vec![input, scale, shift], shape)
    }

    pub(super) fn binary(&mut self, binary: Binary) -> Result<ValueId, Error> {
        let (a, b) = (self.input(0)?, self.input(1)?);
        let shape =
            broadcast(&self.shape(a), &self.shape(b)).ok_or_else(|| self.raw.error("its inputs do not broadcast"))?;
        if let Some((input, scale, shift)) = self.as_affine(binary, a, b, &shape) {
            return Ok(self.affine(input, scale, shift));
        }
        Ok(self.emit(Op::Binary(binary), vec![a, b], shape))
    }

    /// Returns the scale and shift that arithmetic with one constant per channel amounts to: these fold into
    /// convolutions.
    fn as_affine(
        &self,
        binary: Binary,
        a: ValueId,
        b: ValueId,
        shape: &[usize],
    ) -> Option<(ValueId, Vec<f32>, Vec<f32>)> {
        let constant = |id: ValueId| self.net.values[id].constant.as_deref();
        let (input, tensor, const_first) = match (constant(a), constant(b)) {
            (None, Some(tensor)) => (a, tensor, false),
            (Some(tensor), None) => (b, tensor, true),
            _ => return None,
        };
        if self.net.values[input].shape != shape {
            return None;
        }
        let c = per_channel(tensor.as_f32()?, &tensor.shape, shape)?;
        let all = |value: f32| vec![value; c.len()];
        let (scale, shift) = match (binary, const_first) {
            (Binary::Add, _) => (all(1.0), c),
            (Binary::Sub, false) => (all(1.0), c.iter().map(|c| -c).collect()),
            (Binary::Sub, true) => (all(-1.0), c),
            (Binary::Mul, _) => (c.clone(), all(0.0)),
            (Binary::Div, false) => (c.iter().map(|c| 1.0 / c).collect(), all(0.0)),
            _ => return None,
        };
        Some((input, scale, shift))
    }

    pub(super) fn gemm(&mut self) -> Result<ValueId, Error> {
        let alpha = self.raw.float("alpha", 1.0);
        let beta = self.raw.float("beta", 1.0);
        if self.raw.int("transA", 0) != 0 {
            return Err(self.raw.error("transA is not supported"));
        }
        let transposed = self.raw.int("transB", 0) != 0;
        let bias = self.floats(2)?.map(|bias| bias.iter().map(|b| b * beta).collect());
        self.linear(transposed, alpha, bias)
    }

    pub(super) fn mat_mul(&mut self) -> Result<ValueId, Error> {
        self.linear(false, 1.0, None)
    }

    fn linear(&mut self, transposed: bool, alpha: f32, bias: Option<Vec<f32>>) -> Result<ValueId, Error> {
        let weight = self.constant(1)?.ok_or_else(|| self.raw.error("it has no weight"))?;
        let (Some(values), &[rows, columns]) = (weight.as_f32(), weight.shape.as_slice()) else {
            return Err(self.raw.error(format!("weight {:?}: must be 2-D floats", weight.shape)));
        };
        let (depth, out) = if transposed { (columns, rows) } else { (rows, columns) };
        let mut weight = values.to_vec();
        if !transposed {
            weight.clear();
            weight.extend((0..out).flat_map(|o| (0..depth).map(move |k| values[k * out + o])));
        }
        for value in &mut weight {
            *value *= alpha;
        }
        let bias = match bias {
            Some(bias) if bias.len() == 1 => vec![bias[0]; out],
            Some(bias) if bias.len() == out => bias,
            Some(_) => return Err(self.raw.error("its bias does not fit")),
            None => vec![0.0; out],
        };
        let input = self.input(0)?;
        let mut shape = self.shape(input);
        match shape.last_mut() {
            Some(last) if *last == depth => *last = out,
            _ => return Err(self.raw.error(format!("{shape:?} times [{depth}, {out}]"))),
        }
        let weight = self.new_constant("weight", Tensor::f32(&[out, depth], weight));
        let bias = self.new_constant("bias", Tensor::f32(&[out], bias));
        Ok(self.emit(Op::Linear, vec![input, weight, bias], shape))
    }

    pub(super) fn softmax(&mut self) -> Result<ValueId, Error> {
        let input = self.input(0)?;
        let shape = self.shape(input);
        let default = if self.opset >= 13 { -1 } else { 1 };
        let axis = self.axis(self.raw.int("axis", default), shape.len())?;
        // Before operator set 13, softmax normalised all axes from `axis` on together.
        if self.opset < 13 && shape[axis + 1..].iter().any(|&size| size != 1) {
            return Err(self.raw.error("over several axes at once"));
        }
        Ok(self.emit(Op::Softmax { axis }, vec![input], shape))
    }

    pub(super) fn reduce(&mut self, kind: Reduce) -> Result<ValueId, Error> {
        let input = self.input(0)?;
        let full = self.shape(input);
        let axes = self.ints("axes", 1)?.unwrap_or_else(|| (0..full.len() as i64).collect());
        let axes: Vec<usize> = axes.iter().map(|&axis| self.axis(axis, full.len())).collect::<Result<_, _>>()?;
        let mut kept = full.clone();
        for &axis in &axes {
            kept[axis] = 1;
        }
        let reduced = if kind == Reduce::Mean && full.len() == 4 && axes == [2, 3] {
            self.pool_plane(Pool::Average { count_padding: false })?
        } else {
            self.emit(Op::Reduce { kind, axes: axes.clone() }, vec![input], kept)
        };
        if self.raw.int("keepdims", 1) != 0 {
            return Ok(reduced);
        }
        let left = (0..full.len()).filter(|axis| !axes.contains(axis)).map(|axis| full[axis]);
        Ok(self.emit(Op::Reshape, vec![reduced], left.collect()))
    }
}

/// Returns the common shape of two tensors under ONNX broadcasting, aligned at the last axis.
fn broadcast(a: &[usize], b: &[usize]) -> Option<Vec<usize>> {
    let rank = a.len().max(b.len());
    let size = |shape: &[usize], axis: usize| (axis + shape.len()).checked_sub(rank).map_or(1, |axis| shape[axis]);
    let pair = |axis| match (size(a, axis), size(b, axis)) {
        (x, y) if x == y || y == 1 => Some(x),
        (1, y) => Some(y),
        _ => None,
    };
    (0..rank).map(pair).collect()
}

/// Returns `values` as one per index of axis 1 of `shape`; `None` if they do not broadcast that way.
fn per_channel(values: &[f32], from: &[usize], shape: &[usize]) -> Option<Vec<f32>> {
    let channels = *shape.get(1)?;
    if values.len() == 1 {
        return Some(vec![values[0]; channels]);
    }
    let axis = (from.len() + 1).checked_sub(shape.len())?;
    (from.get(axis) == Some(&channels) && values.len() == channels).then(|| values.to_vec())
}
