//! Operators that move data or compute shapes.

use crate::error::Error;
use crate::lower::Lowering;
use crate::network::ValueId;
use crate::operator::Op;
use crate::proto::data_type;
use crate::tensor::{self, Data, Tensor};

impl Lowering<'_> {
    fn reshape_to(&mut self, shape: Vec<usize>) -> Result<ValueId, Error> {
        let input = self.input(0)?;
        let from = self.shape(input);
        if tensor::checked_len(&from) != tensor::checked_len(&shape) {
            return Err(self.raw.error(format!("{from:?} does not fill {shape:?}")));
        }
        Ok(self.emit(Op::Reshape, vec![input], shape))
    }

    pub(super) fn flatten(&mut self) -> Result<ValueId, Error> {
        let from = self.shape(self.input(0)?);
        let axis = self.raw.int("axis", 1);
        // The axis may also equal the rank.
        let axis = if axis == from.len() as i64 { from.len() } else { self.axis(axis, from.len())? };
        let (outer, inner) = from.split_at(axis);
        self.reshape_to(vec![outer.iter().product(), inner.iter().product()])
    }

    pub(super) fn reshape(&mut self) -> Result<ValueId, Error> {
        let from = self.shape(self.input(0)?);
        let wanted = self.ints("shape", 1)?.ok_or_else(|| self.raw.error("it has no shape"))?;
        let keep_zero = self.raw.int("allowzero", 0) != 0;
        let mut shape = Vec::with_capacity(wanted.len());
        for (axis, &size) in wanted.iter().enumerate() {
            shape.push(match size {
                0 if !keep_zero => from.get(axis).copied().unwrap_or(0),
                -1 => 1,
                size => usize::try_from(size).unwrap_or(0),
            });
        }
        // A file exported for one image has a batch of 1 in this shape: the requested batch replaces it.
        let len: usize = from.iter().product();
        if let Some(open) = wanted.iter().position(|&size| size == -1) {
            let known = tensor::checked_len(&shape).unwrap_or(0);
            shape[open] = len.checked_div(known).unwrap_or(0);
            let batch = from.first().copied().unwrap_or(1);
            if wanted[0] == 1 && batch > 1 && open != 0 {
                (shape[0], shape[open]) = (batch, shape[open] / batch);
            }
        }
        self.reshape_to(shape)
    }

    pub(super) fn squeeze(&mut self) -> Result<ValueId, Error> {
        let from = self.shape(self.input(0)?);
        let dropped = match self.ints("axes", 1)? {
            Some(axes) => self.axes(&axes, from.len())?,
            None => (0..from.len()).filter(|&axis| from[axis] == 1).collect(),
        };
        let left = (0..from.len()).filter(|axis| !dropped.contains(axis));
        self.reshape_to(left.map(|axis| from[axis]).collect())
    }

    pub(super) fn unsqueeze(&mut self) -> Result<ValueId, Error> {
        let mut shape = self.shape(self.input(0)?);
        let axes = self.ints("axes", 1)?.ok_or_else(|| self.raw.error("it has no axes"))?;
        let mut axes = self.axes(&axes, shape.len() + axes.len())?;
        axes.sort_unstable();
        for axis in axes {
            if axis > shape.len() {
                return Err(self.raw.error("an axis is named twice"));
            }
            shape.insert(axis, 1);
        }
        self.reshape_to(shape)
    }

    fn axes(&self, axes: &[i64], rank: usize) -> Result<Vec<usize>, Error> {
        axes.iter().map(|&axis| self.axis(axis, rank)).collect()
    }

    pub(super) fn transpose(&mut self) -> Result<ValueId, Error> {
        let input = self.input(0)?;
        let from = self.shape(input);
        let perm = match self.raw.ints("perm") {
            Some(perm) => self.axes(perm, from.len())?,
            None => (0..from.len()).rev().collect(),
        };
        let mut sorted = perm.clone();
        sorted.sort_unstable();
        if !sorted.into_iter().eq(0..from.len()) {
            return Err(self.raw.error(format!("{perm:?} does not permute {from:?}")));
        }
        let shape = perm.iter().map(|&axis| from[axis]).collect();
        Ok(self.emit(Op::Transpose { perm }, vec![input], shape))
    }

    pub(super) fn concat(&mut self) -> Result<ValueId, Error> {
        let inputs: Vec<ValueId> = (0..self.inputs.len()).map(|index| self.input(index)).collect::<Result<_, _>>()?;
        let mut shape = self.shape(self.input(0)?);
        let axis = self.axis(self.raw.int("axis", 0), shape.len())?;
        for &input in &inputs[1..] {
            let mut other = self.shape(input);
            if other.len() != shape.len() {
                return Err(self.raw.error("its inputs differ in rank"));
            }
            let size = std::mem::replace(&mut other[axis], shape[axis]);
            if other != shape {
                return Err(self.raw.error("its inputs differ beside the joined axis"));
            }
            shape[axis] += size;
        }
        Ok(self.emit(Op::Concat { axis }, inputs, shape))
    }

    pub(super) fn slice(&mut self) -> Result<ValueId, Error> {
        let input = self.input(0)?;
        let mut shape = self.shape(input);
        let missing = || self.raw.error("starts or ends are missing");
        let starts = self.ints("starts", 1)?.ok_or_else(missing)?;
        let ends = self.ints("ends", 2)?.ok_or_else(missing)?;
        let axes = self.ints("axes", 3)?.unwrap_or_else(|| (0..starts.len() as i64).collect());
        let steps = self.integers(4)?.unwrap_or_else(|| vec![1; starts.len()]);
        if ends.len() != starts.len() || axes.len() != starts.len() || steps.len() != starts.len() {
            return Err(self.raw.error("starts, ends, axes and steps differ in number"));
        }
        let (mut first, mut stride) = (vec![0; shape.len()], vec![1; shape.len()]);
        for (index, axis) in self.axes(&axes, shape.len())?.into_iter().enumerate() {
            let step = usize::try_from(steps[index]).ok().filter(|&step| step > 0);
            let step = step.ok_or_else(|| self.raw.error("only positive steps are known"))?;
            let size = shape[axis] as i64;
            let place = |at: i64| (if at < 0 { at.saturating_add(size) } else { at }).clamp(0, size);
            let (start, end) = (place(starts[index]) as usize, place(ends[index]) as usize);
            first[axis] = start;
            stride[axis] = step;
            shape[axis] = end.saturating_sub(start).div_ceil(step);
        }
        Ok(self.emit(Op::Slice { starts: first, steps: stride }, vec![input], shape))
    }

    pub(super) fn split(&mut self) -> Result<Vec<ValueId>, Error> {
        let input = self.input(0)?;
        let from = self.shape(input);
        let axis = self.axis(self.raw.int("axis", 0), from.len())?;
        let count = self.raw.outputs.len();
        let sizes = match self.ints("split", 1)? {
            Some(sizes) => sizes.iter().map(|&size| size.max(0) as usize).collect(),
            None => vec![from[axis].div_ceil(count.max(1)); count],
        };
        let mut start = 0;
        let mut outputs = Vec::with_capacity(count);
        for size in sizes {
            let mut starts = vec![0; from.len()];
            starts[axis] = start;
            let mut shape = from.clone();
            shape[axis] = size.min(from[axis].saturating_sub(start));
            start += size;
            let op = Op::Slice { starts, steps: vec![1; from.len()] };
            outputs.push(self.emit(op, vec![input], shape));
        }
        if start < from[axis] || outputs.len() != count {
            return Err(self.raw.error("its parts do not cover the axis"));
        }
        Ok(outputs)
    }

    pub(super) fn pad(&mut self) -> Result<ValueId, Error> {
        let input = self.input(0)?;
        let mut shape = self.shape(input);
        let mode = self.raw.text("mode", "constant");
        if mode != "constant" || self.optional(3).is_some() {
            return Err(self.raw.error(format!("mode '{mode}' or explicit axes")));
        }
        let pads = self.ints("pads", 1)?.unwrap_or_default();
        let size = |p: i64| i32::try_from(p).ok().and_then(|p| usize::try_from(p).ok());
        let pads: Option<Vec<usize>> = pads.iter().map(|&p| size(p)).collect();
        let pads = pads.filter(|pads| pads.len() == 2 * shape.len());
        let pads = pads.ok_or_else(|| self.raw.error("pads must be two sizes for each axis"))?;
        let value = match self.floats(2)? {
            Some(value) => value.first().copied().unwrap_or(0.0),
            None => self.raw.float("value", 0.0),
        };
        let (before, after) = pads.split_at(shape.len());
        for (axis, size) in shape.iter_mut().enumerate() {
            *size += before[axis] + after[axis];
        }
        Ok(self.emit(Op::Pad { before: before.to_vec(), value }, vec![input], shape))
    }

    pub(super) fn shape_of(&mut self) -> Result<ValueId, Error> {
        let shape = self.shape(self.input(0)?);
        let place = |at: i64| {
            let rank = shape.len() as i64;
            (if at < 0 { at.saturating_add(rank) } else { at }).clamp(0, rank) as usize
        };
        let start = place(self.raw.int("start", 0));
        let end = place(self.raw.int("end", i64::MAX)).max(start);
        let sizes = shape[start..end].iter().map(|&size| size as i64).collect();
        Ok(self.new_constant("shape", Tensor::i64(sizes)))
    }

    /// Gathers by constant indices. Exporters gather from a constant list to take one size out of a shape.
    pub(super) fn gather(&mut self) -> Result<ValueId, Error> {
        let input = self.input(0)?;
        let from = self.shape(input);
        let axis = self.axis(self.raw.int("axis", 0), from.len())?;
        let indices = self.constant(1)?.ok_or_else(|| self.raw.error("it has no indices"))?;
        let picked = indices.shape.clone();
        let at = indices.as_i64().ok_or_else(|| self.raw.error("its indices are not integers"))?.to_vec();
        let indices: Vec<usize> = at.iter().map(|&index| self.axis(index, from[axis])).collect::<Result<_, _>>()?;
        if let Some(values) = self.net.values[input].constant.as_deref().and_then(Tensor::as_i64)
            && from.len() == 1
        {
            let values = indices.iter().map(|&index| values[index]).collect();
            return Ok(self.new_constant("gathered", Tensor { shape: picked, data: Data::I64(values) }));
        }
        if picked.len() > 1 {
            return Err(self.raw.error(format!("indices {picked:?}: only a list is known")));
        }
        let mut shape = from.clone();
        shape[axis] = indices.len();
        let gathered = self.emit(Op::Gather { axis, indices }, vec![input], shape);
        if picked.len() == 1 {
            return Ok(gathered);
        }
        // A scalar index removes its axis.
        let left = [&from[..axis], &from[axis + 1..]].concat();
        Ok(self.emit(Op::Reshape, vec![gathered], left))
    }

    /// Does nothing between floats: every run-time value is f32.
    pub(super) fn cast(&mut self) -> Result<ValueId, Error> {
        let input = self.input(0)?;
        let to = self.raw.int("to", 0) as i32;
        let to_float = matches!(to, data_type::FLOAT | data_type::FLOAT16 | data_type::DOUBLE);
        let constant = self.net.values[input].constant.clone();
        let data = match (constant.as_ref().map(|t| &t.data), to_float) {
            (None, true) => return Ok(input),
            (None, false) => return Err(self.raw.error("to integers at run time")),
            (Some(Data::I64(values)), true) => Data::F32(values.iter().map(|&v| v as f32).collect()),
            (Some(Data::F32(values)), false) => Data::I64(values.iter().map(|&v| v as i64).collect()),
            (Some(same), _) => same.clone(),
        };
        let shape = self.shape(input);
        Ok(self.new_constant("cast", Tensor { shape, data }))
    }

    pub(super) fn constant_of_shape(&mut self) -> Result<ValueId, Error> {
        let sizes = self.integers(0)?.unwrap_or_default();
        let shape: Vec<usize> = sizes.iter().map(|&size| size.max(0) as usize).collect();
        let proto = self.raw.attribute("value").and_then(|a| a.t.as_ref());
        let inside = |_: &str, _, _| Err(self.raw.error("its value is in another file"));
        let value = proto.map(|proto| Tensor::from_proto(proto, &inside)).transpose()?;
        let len = tensor::checked_len(&shape).ok_or_else(|| self.raw.error("it is too large"))?;
        let data = match value.as_ref().map(|t| &t.data) {
            Some(Data::I64(v)) if !v.is_empty() => Data::I64(vec![v[0]; len]),
            Some(Data::F32(v)) if !v.is_empty() => Data::F32(vec![v[0]; len]),
            _ => Data::F32(vec![0.0; len]),
        };
        Ok(self.new_constant("filled", Tensor { shape, data }))
    }
}
