//! Computes a node whose inputs are all constants.
//!
//! Exporters leave such nodes where shapes are computed and where weights are transposed. Values
//! pass through f64, which holds every f32 and every size exactly.

use crate::operator::{Binary, Op};
use crate::tensor::{Data, Tensor};

/// Returns the result; `None` for operators that exporters do not apply to constants. Those then run with the rest of
/// the network.
pub fn constant(op: &Op, inputs: &[&Tensor], shape: &[usize]) -> Option<Tensor> {
    let first = inputs.first()?;
    let values: Vec<f64> = match op {
        Op::Reshape => return Some(Tensor { shape: shape.to_vec(), data: first.data.clone() }),
        Op::Transpose { perm } => {
            let from = strides(&first.shape);
            let steps: Vec<usize> = perm.iter().map(|&axis| from[axis]).collect();
            gather(&wide(first), 0, shape, &steps)
        }
        Op::Slice { starts, steps } => {
            let from = strides(&first.shape);
            let start = starts.iter().zip(&from).map(|(at, stride)| at * stride).sum();
            let steps: Vec<usize> = steps.iter().zip(&from).map(|(a, b)| a * b).collect();
            gather(&wide(first), start, shape, &steps)
        }
        Op::Concat { axis } => concat(inputs, *axis),
        Op::Binary(binary) => {
            let integers = first.as_i64().is_some();
            let a = gather(&wide(first), 0, shape, &broadcast_strides(&first.shape, shape.len()));
            let second = inputs[1];
            let b = gather(&wide(second), 0, shape, &broadcast_strides(&second.shape, shape.len()));
            a.iter().zip(&b).map(|(&a, &b)| apply(*binary, a, b, integers)).collect()
        }
        Op::Unary(unary) => wide(first).iter().map(|&v| unary.apply(v as f32).into()).collect(),
        _ => return None,
    };
    let data = match first.data {
        Data::F32(_) => Data::F32(values.iter().map(|&v| v as f32).collect()),
        Data::I64(_) => Data::I64(values.iter().map(|&v| v as i64).collect()),
    };
    Some(Tensor { shape: shape.to_vec(), data })
}

/// Returns the row-major strides of `shape`, in elements.
pub fn strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis];
    }
    strides
}

/// Returns row-major strides for a broadcast result of `rank` axes: zero along every repeated axis.
fn broadcast_strides(shape: &[usize], rank: usize) -> Vec<usize> {
    let own = strides(shape);
    let repeated = |axis: usize| if shape[axis] == 1 { 0 } else { own[axis] };
    let missing = rank - shape.len();
    (0..rank).map(|axis| axis.checked_sub(missing).map_or(0, repeated)).collect()
}

fn wide(tensor: &Tensor) -> Vec<f64> {
    match &tensor.data {
        Data::F32(values) => values.iter().map(|&v| v.into()).collect(),
        Data::I64(values) => values.iter().map(|&v| v as f64).collect(),
    }
}

/// Reads `values` in the row-major order of `shape`, stepping by `steps` from `start`.
fn gather(values: &[f64], start: usize, shape: &[usize], steps: &[usize]) -> Vec<f64> {
    let Some((&size, shape)) = shape.split_first() else { return vec![values[start]] };
    let (step, steps) = (steps[0], &steps[1..]);
    (0..size).flat_map(|i| gather(values, start + i * step, shape, steps)).collect()
}

fn concat(inputs: &[&Tensor], axis: usize) -> Vec<f64> {
    let outer: usize = inputs[0].shape[..axis].iter().product();
    let parts: Vec<_> = inputs.iter().map(|tensor| wide(tensor)).collect();
    let mut joined = Vec::new();
    for row in 0..outer {
        for part in &parts {
            let len = part.len() / outer;
            joined.extend_from_slice(&part[row * len..(row + 1) * len]);
        }
    }
    joined
}

fn apply(binary: Binary, a: f64, b: f64, integers: bool) -> f64 {
    match binary {
        Binary::Add => a + b,
        Binary::Sub => a - b,
        Binary::Mul => a * b,
        // Integer division by zero has no result. The zero in its place fails the shape check that follows.
        Binary::Div if integers && b == 0.0 => 0.0,
        Binary::Div if integers => (a / b).trunc(),
        Binary::Div => a / b,
        Binary::Max => a.max(b),
        Binary::Min => a.min(b),
        Binary::Pow => a.powf(b),
    }
}
