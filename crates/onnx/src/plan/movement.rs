//! Nodes without weights. Most nodes that only move data cost nothing: their output is another view of the same buffer.

use crate::error::Error;
use crate::fold;
use crate::kernels::conv::Conv;
use crate::kernels::tiling::Outside;
use crate::nest::{Nest, View};
use crate::network::{Node, ValueId};
use crate::operator::{Binary, GridSample, Pool, Reduce, Tap, Window};
use crate::plan::Compiler;
use crate::plan::layer::places;
use crate::step::{AverageStep, GridSampleStep, Lines, ResizeStep, Step};

impl Compiler<'_> {
    /// Returns the walk over output and input of an element-wise node.
    pub(super) fn elementwise(&mut self, node: &Node) -> Nest<2> {
        let input = self.view(node.inputs[0]);
        let output = self.place(&input.shape);
        let walk = Nest::new(&output.shape, [output.start, input.start], [&output.strides, &input.strides]);
        self.views[node.output] = Some(output);
        walk
    }

    pub(super) fn binary(&mut self, node: &Node, binary: Binary) {
        let (left, right) = (self.view(node.inputs[0]), self.view(node.inputs[1]));
        let output = self.place(self.shape(node.output));
        let rank = output.shape.len();
        let strides = [&left, &right].map(|view| view.broadcast_strides(rank));
        let walk = Nest::new(
            &output.shape,
            [output.start, left.start, right.start],
            [&output.strides, &strides[0], &strides[1]],
        );
        self.steps.push(Step::Binary(binary, walk));
        self.views[node.output] = Some(output);
    }

    pub(super) fn pool(&mut self, node: &Node, kind: Pool, window: Window) -> Result<(), Error> {
        let (input, owned) = self.channels_last(self.view(node.inputs[0]));
        let output = self.place(self.shape(node.output));
        self.views[node.output] = Some(output.clone());
        self.steps.push(match kind {
            Pool::Max => {
                let size = [output.shape[2], output.shape[3]];
                let places = places(node, &input, window, size, Outside::Inside)?;
                Step::Conv(Conv::largest(self.isa, output.shape[1], &places, output.start))
            }
            Pool::Average { count_padding } => Step::Average(AverageStep { count_padding, window, input, output }),
        });
        self.release_copy(owned);
        Ok(())
    }

    pub(super) fn resize(&mut self, node: &Node, rows: &[Tap], columns: &[Tap]) {
        let (input, owned) = self.channels_last(self.view(node.inputs[0]));
        let output = self.place(self.shape(node.output));
        self.views[node.output] = Some(output.clone());
        let (rows, columns) = (rows.to_vec(), columns.to_vec());
        self.steps.push(Step::Resize(ResizeStep { rows, columns, input, output }));
        self.release_copy(owned);
    }

    pub(super) fn grid_sample(&mut self, node: &Node, sample: GridSample) {
        let (input, owned) = self.channels_last(self.view(node.inputs[0]));
        let grid = self.view(node.inputs[1]);
        let output = self.place(self.shape(node.output));
        self.views[node.output] = Some(output.clone());
        self.steps.push(Step::GridSample(GridSampleStep { sample, grid, input, output }));
        self.release_copy(owned);
    }

    fn release_copy(&mut self, owned: Option<usize>) {
        if let Some(buffer) = owned {
            self.arena.release(buffer);
        }
    }

    pub(super) fn softmax(&mut self, node: &Node, axis: usize) {
        let input = self.view(node.inputs[0]);
        let output = self.place(&input.shape);
        let line = |view: &View| (0..view.shape[axis]).map(|i| i * view.strides[axis]).collect();
        let starts = starts(&input.shape, &[axis], &output, &input);
        let lines = Lines { starts, output: line(&output), input: line(&input) };
        self.steps.push(Step::Softmax(lines));
        self.views[node.output] = Some(output);
    }

    pub(super) fn reduce(&mut self, node: &Node, kind: Reduce, axes: &[usize]) {
        let input = self.view(node.inputs[0]);
        let output = self.place(self.shape(node.output));
        let mut distances = vec![0];
        for &axis in axes {
            let along = (0..input.shape[axis]).map(|i| i * input.strides[axis]);
            distances = along.flat_map(|step| distances.iter().map(move |d| d + step)).collect();
        }
        let starts = starts(&input.shape, axes, &output, &input);
        self.steps.push(Step::Reduce(kind, Lines { starts, output: vec![0], input: distances }));
        self.views[node.output] = Some(output);
    }

    pub(super) fn reshape(&mut self, node: &Node) {
        let view = self.view(node.inputs[0]);
        let shape = self.shape(node.output);
        if !view.is_plain() {
            let plain = self.plain(&view.shape);
            self.copy(&view, &plain);
            let strides = fold::strides(shape);
            self.views[node.output] = Some(View { shape: shape.to_vec(), strides, ..plain });
            return;
        }
        self.look(node.output, View { shape: shape.to_vec(), strides: fold::strides(shape), ..view });
    }

    pub(super) fn transpose(&mut self, node: &Node, perm: &[usize]) {
        let view = self.view(node.inputs[0]);
        let pick = |from: &[usize]| perm.iter().map(|&axis| from[axis]).collect();
        self.look(node.output, View { shape: pick(&view.shape), strides: pick(&view.strides), ..view });
    }

    pub(super) fn slice(&mut self, node: &Node, starts: &[usize], steps: &[usize]) {
        let view = self.view(node.inputs[0]);
        let start = starts.iter().zip(&view.strides).map(|(at, stride)| at * stride);
        let start = view.start + start.sum::<usize>();
        let strides = steps.iter().zip(&view.strides).map(|(step, stride)| step * stride).collect();
        self.look(node.output, View { start, shape: self.shape(node.output).to_vec(), strides, ..view });
    }

    /// Lets `id` share the buffer of `view`.
    fn look(&mut self, id: ValueId, view: View) {
        self.arena.share(view.buffer);
        self.views[id] = Some(view);
    }

    pub(super) fn concat(&mut self, node: &Node, axis: usize) {
        let output = self.place(self.shape(node.output));
        let mut start = output.start;
        for &id in &node.inputs {
            let input = self.view(id);
            let part = View { start, shape: input.shape.clone(), ..output.clone() };
            start += input.shape[axis] * output.strides[axis];
            self.copy(&input, &part);
        }
        self.views[node.output] = Some(output);
    }

    /// Copies each run of consecutive indices at once.
    pub(super) fn gather(&mut self, node: &Node, axis: usize, indices: &[usize]) {
        let input = self.view(node.inputs[0]);
        let output = self.place(self.shape(node.output));
        let mut to = output.start;
        for run in indices.chunk_by(|one, next| one + 1 == *next) {
            let mut shape = input.shape.clone();
            shape[axis] = run.len();
            let start = input.start + run[0] * input.strides[axis];
            let from = View { start, shape: shape.clone(), ..input.clone() };
            self.copy(&from, &View { start: to, shape, ..output.clone() });
            to += run.len() * output.strides[axis];
        }
        self.views[node.output] = Some(output);
    }

    pub(super) fn pad(&mut self, node: &Node, before: &[usize], value: f32) {
        let input = self.view(node.inputs[0]);
        let output = self.place(self.shape(node.output));
        let all = Nest::new(&output.shape, [output.start], [&output.strides]);
        self.steps.push(Step::Fill { output: all, value });
        let shift: usize = before.iter().zip(&output.strides).map(|(at, s)| at * s).sum();
        let inner = View { start: output.start + shift, shape: input.shape.clone(), ..output.clone() };
        self.copy(&input, &inner);
        self.views[node.output] = Some(output);
    }
}

/// Returns a walk over all positions outside `axes`, in output and input.
fn starts(shape: &[usize], axes: &[usize], output: &View, input: &View) -> Nest<2> {
    let mut outside = shape.to_vec();
    for &axis in axes {
        outside[axis] = 1;
    }
    Nest::new(&outside, [output.start, input.start], [&output.strides, &input.strides])
}
