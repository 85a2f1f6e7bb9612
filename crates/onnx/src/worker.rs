//! Runs a plan: one worker per thread.

use std::sync::Arc;

use crate::plan::{Plan, Port};
use crate::scratch::Scratch;

/// Runs one plan, one inference at a time. Weights stay in the shared plan.
pub struct Worker {
    plan: Arc<Plan>,
    scratch: Scratch,
}

impl Worker {
    pub fn new(plan: Arc<Plan>, scratch: Scratch) -> Self {
        Self { plan, scratch }
    }

    /// Runs the network on row-major inputs in the order of [`Plan::inputs`], images as
    /// `[N, C, H, W]`; returns row-major outputs in the order of [`Plan::outputs`].
    ///
    /// Panics unless every input has the size of its port.
    pub fn run(&mut self, inputs: &[&[f32]]) -> Vec<Vec<f32>> {
        let plan = &self.plan;
        self.scratch.with(plan.arena_len(), |arena| {
            plan.prepare(arena);
            for (port, values) in plan.inputs().iter().zip(inputs) {
                enter(arena, port, values);
            }
            plan.steps().iter().for_each(|step| step.run(arena));
            plan.outputs().iter().map(|port| leave(arena, port)).collect()
        })
    }
}

/// Copies an input into the arena, images as channels last.
fn enter(arena: &mut [f32], port: &Port, values: &[f32]) {
    if let [_, 3, height, width] = port.view.shape[..] {
        // Most inputs are colour images: to copy three planes at once is several times faster.
        let plane = height * width;
        let pixels = arena[port.view.start..][..port.len()].as_chunks_mut::<3>().0;
        for (image, pixels) in values.chunks(3 * plane).zip(pixels.chunks_mut(plane)) {
            let (red, rest) = image.split_at(plane);
            let (green, blue) = rest.split_at(plane);
            for (((pixel, r), g), b) in pixels.iter_mut().zip(red).zip(green).zip(blue) {
                *pixel = [*r, *g, *b];
            }
        }
        return;
    }
    port.walk.rows(usize::MAX, |row| {
        for i in 0..row.len {
            arena[row.starts[0] + i * row.steps[0]] = values[row.starts[1] + i * row.steps[1]];
        }
    });
}

fn leave(arena: &[f32], port: &Port) -> Vec<f32> {
    let mut values = vec![0.0; port.len()];
    port.walk.rows(usize::MAX, |row| {
        for i in 0..row.len {
            values[row.starts[1] + i * row.steps[1]] = arena[row.starts[0] + i * row.steps[0]];
        }
    });
    values
}
