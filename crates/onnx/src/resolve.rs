//! Turns the graph of a file into a network that both executors accept.

use std::collections::HashMap;

use crate::error::Error;
use crate::graph::{Graph, Input};
use crate::network::Net;
use crate::{lower, simplify, tensor};

/// Resolves `graph` for the given input shapes. An input that is not named there keeps the file's shape, with a batch
/// of one if the file leaves the batch open.
///
/// Fails, naming the node, on operators, parameters or shapes that we do not know.
pub fn network(graph: &Graph, shapes: &[(&str, &[usize])]) -> Result<Net, Error> {
    let mut net = Net::default();
    let mut names = HashMap::new();
    for (name, tensor) in &graph.consts {
        names.insert(name.clone(), net.constant(name, tensor.clone()));
    }
    for input in &graph.inputs {
        let given = shapes.iter().find(|(name, _)| *name == input.name);
        let shape = match given {
            Some((_, shape)) => shape.to_vec(),
            None => closed_shape(input)?,
        };
        if tensor::checked_len(&shape).is_none_or(|len| len == 0) {
            let reason = format!("shape {shape:?} is empty or too large");
            return Err(Error::Input { name: input.name.clone(), reason });
        }
        let id = net.value(&input.name, shape);
        net.inputs.push(id);
        names.insert(input.name.clone(), id);
    }
    for node in &graph.nodes {
        let results = lower::node(&mut net, node, &names, graph.opset)?;
        names.extend(node.outputs.iter().cloned().zip(results));
    }
    for name in &graph.outputs {
        let id = names.get(name).copied();
        let id = id.ok_or_else(|| Error::Model(format!("nothing produces output '{name}'")))?;
        if net.values[id].constant.as_ref().is_some_and(|tensor| tensor.as_f32().is_none()) {
            return Err(Error::Model(format!("output '{name}' is not of floats")));
        }
        net.outputs.push(id);
        net.values[id].name.clone_from(name);
    }
    simplify::run(&mut net);
    Ok(net)
}

fn closed_shape(input: &Input) -> Result<Vec<usize>, Error> {
    let sizes = input.shape.iter().enumerate();
    let sizes = sizes.map(|(axis, size)| size.or((axis == 0).then_some(1)));
    sizes.collect::<Option<_>>().ok_or_else(|| Error::Input {
        name: input.name.clone(),
        reason: format!("its shape is open in the file ({:?}): set one", input.shape),
    })
}
