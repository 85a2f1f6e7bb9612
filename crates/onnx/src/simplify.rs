//! Rewrites that make a network cheaper and leave its function as it was.

use crate::network::{Net, Node, ValueId};
use crate::operator::Op;
use crate::tensor::Tensor;

/// Folds normalisation and per-channel constants into the layer before them, then drops what
/// no output needs.
pub fn run(net: &mut Net) {
    for index in 0..net.nodes.len() {
        fold_into_producer(net, index);
    }
    drop_unused(net);
}

/// `Affine` after `Conv`, `Linear` or `Affine` becomes part of it, if nothing else reads between.
fn fold_into_producer(net: &mut Net, index: usize) {
    if !matches!(net.nodes[index].op, Op::Affine) {
        return;
    }
    let input = net.nodes[index].inputs[0];
    let Some(producer) = net.nodes.iter().position(|node| node.output == input) else { return };
    if net.readers()[input] != 1 {
        return;
    }
    // A dense layer's last axis is its channels; an affine works on axis 1.
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
    // The folded node leaves the list when unused nodes are dropped.
    net.nodes[producer].output = net.nodes[index].output;
    net.nodes[index].output = input;
}

/// Replaces the weights of the layer at `index` so that its result is scaled and shifted.
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

/// Removes nodes nobody reads, and the constants only they held.
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
