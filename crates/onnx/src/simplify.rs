//! Rewrites that make a network cheaper and leave its function as it was.

use crate::network::{Net, Node, ValueId};
use crate::operator::{Binary, Op};
use crate::tensor::Tensor;

/// Folds normalisation and per-channel constants into the layer before them, drops what no output needs, and puts
/// layers next to the additions that read them.
pub fn run(net: &mut Net) {
    for index in 0..net.nodes.len() {
        fold_into_producer(net, index);
    }
    drop_unused(net);
    // From here on the order of nodes changes, but not the number of readers of a value.
    let readers = net.readers();
    for index in (0..net.nodes.len()).rev() {
        bring_to_addition(net, &readers, index);
    }
}

/// Moves a layer to right before the addition, if that is all that reads it. The other addend exists by then, so an
/// executor can add it in the layer's own pass.
fn bring_to_addition(net: &mut Net, readers: &[usize], index: usize) {
    let Node { op, output, .. } = &net.nodes[index];
    if !matches!(op, Op::Conv { .. } | Op::Linear) || readers[*output] != 1 {
        return;
    }
    let reader = net.nodes.iter().position(|node| node.inputs.contains(output));
    let addition = reader.filter(|&reader| matches!(net.nodes[reader].op, Op::Binary(Binary::Add)));
    if let Some(addition) = addition {
        net.nodes[index..addition].rotate_left(1);
    }
}

/// Folds an `Affine` into the `Conv`, `Linear` or `Affine` before it, if nothing else reads the value between.
fn fold_into_producer(net: &mut Net, index: usize) {
    if !matches!(net.nodes[index].op, Op::Affine) {
        return;
    }
    let input = net.nodes[index].inputs[0];
    let Some(producer) = net.nodes.iter().position(|node| node.output == input) else { return };
    if net.readers()[input] != 1 {
        return;
    }
    // The channels of a dense layer are its last axis; an affine works on axis 1.
    let fits = match net.nodes[producer].op {
        Op::Conv { .. } | Op::Affine => true,
        Op::Linear => net.values[input].shape.len() == 2,
        _ => false,
    };
    if !fits {
        return;
    }
    let scale = net.weights(net.nodes[index].inputs[1]).to_vec();
    let shift = net.weights(net.nodes[index].inputs[2]).to_vec();
    scale_layer(net, producer, &scale, &shift);
    // `drop_unused` removes the folded node later.
    net.nodes[producer].output = net.nodes[index].output;
    net.nodes[index].output = input;
}

/// Scales and shifts the weights of the layer at `index`, and so its result.
fn scale_layer(net: &mut Net, index: usize, scale: &[f32], shift: &[f32]) {
    let Node { name, inputs, .. } = net.nodes[index].clone();
    let mut weight = net.weights(inputs[1]).to_vec();
    let mut bias = net.weights(inputs[2]).to_vec();
    let channels = scale.len();
    let per_channel = weight.len() / channels;
    for (row, scale) in weight.chunks_mut(per_channel).zip(scale) {
        for weight in row {
            *weight *= scale;
        }
    }
    for (c, b) in bias.iter_mut().enumerate() {
        *b = *b * scale[c] + shift[c];
    }
    let shape = net.values[inputs[1]].shape.clone();
    net.nodes[index].inputs[1] = net.constant(&format!("{name}.weight"), Tensor::f32(&shape, weight));
    net.nodes[index].inputs[2] = net.constant(&format!("{name}.bias"), Tensor::f32(&[channels], bias));
}

/// Removes nodes that nobody reads, and the constants that only they held.
fn drop_unused(net: &mut Net) {
    let mut needed = vec![false; net.values.len()];
    net.outputs.iter().for_each(|&id: &ValueId| needed[id] = true);
    for node in net.nodes.iter().rev() {
        if needed[node.output] {
            node.inputs.iter().for_each(|&id| needed[id] = true);
        }
    }
    net.nodes.retain(|node| needed[node.output]);
    for (id, value) in net.values.iter_mut().enumerate() {
        if !needed[id] {
            value.constant = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operator::{Unary, Window};

    /// A layer, then another branch, then their sum: the order in which exporters write blocks with a pooled shortcut.
    #[test]
    fn a_layer_is_brought_to_the_addition_that_reads_it() {
        let window = Window { kernel: [1, 1], stride: [1, 1], dilation: [1, 1], before: [0, 0], after: [0, 0] };
        let shape = vec![1, 2, 3, 3];
        let mut net = Net::default();
        let input = net.value("x", shape.clone());
        let weight = net.constant("w", Tensor::f32(&[2, 2, 1, 1], vec![1.0; 4]));
        let bias = net.constant("b", Tensor::f32(&[2], vec![0.0; 2]));
        let op = Op::Conv { group: 1, window };
        let layer = net.emit("layer", op, vec![input, weight, bias], shape.clone());
        let branch = net.emit("branch", Op::Unary(Unary::Abs), vec![input], shape.clone());
        let sum = net.emit("sum", Op::Binary(Binary::Add), vec![branch, layer], shape);
        net.inputs = vec![input];
        net.outputs = vec![sum];
        run(&mut net);
        let names: Vec<&str> = net.nodes.iter().map(|node| node.name.as_str()).collect();
        assert_eq!(names, ["branch", "layer", "sum"]);
    }
}
