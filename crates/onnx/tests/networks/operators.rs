//! Compares every operator with onnxruntime, on every instruction set, on burn, and on a GPU in a build with that feature.

use std::fs;
use std::path::{Path, PathBuf};

use onnx::error::Error;
use onnx::gpu::Gpu;
use onnx::graph::Graph;
use onnx::kernels::isa::Isa;
use onnx::{Engine, Executable, Port, Runner, gpu};
use testkit::python;

use crate::agreement;

/// Largest difference allowed, relative to the largest value of the output.
const TOLERANCE: f32 = 2e-5;
/// The number of networks that `operators.py` writes: none may get lost unseen.
const CASES: usize = 179;

#[test]
fn every_operator_agrees_with_onnxruntime() {
    let folder = tempfile::tempdir().expect("the temporary folder takes files");
    python::run("crates/onnx/tests/networks/operators.py", &[folder.path()]);
    let files = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let models: Vec<PathBuf> = files.filter(|path| path.extension().is_some_and(|e| e == "onnx")).collect();
    assert_eq!(models.len(), CASES);
    let faults: Vec<String> = models.iter().flat_map(|model| faults(model)).collect();
    assert!(faults.is_empty(), "{} faults in {CASES} networks:\n{}", faults.len(), faults.join("\n"));
}

/// Returns the faults of one network on any executor.
fn faults(model: &Path) -> Vec<String> {
    let name = model.file_stem().unwrap().to_string_lossy();
    let case = || -> Result<Vec<String>, Error> {
        let graph = Graph::read(model)?;
        let wanted = agreement::read(&model.with_extension("out"));
        let mut faults = packed_faults(&graph, model, &wanted)?;
        let burn = Executable::new(&graph, Engine::Burn, &[])?;
        let found = run(&mut Runner::new(&burn), burn.inputs(), model)?;
        faults.extend(agreement::difference(&wanted, &found, TOLERANCE).map(|d| format!("burn: {d}")));
        if gpu::IS_BUILT_IN {
            faults.extend(gpu_fault(&graph, model, &wanted)?);
        }
        Ok(faults)
    };
    let faults = case().unwrap_or_else(|error| vec![error.to_string()]);
    faults.iter().map(|fault| format!("{name}: {fault}")).collect()
}

fn gpu_fault(graph: &Graph, model: &Path, wanted: &[f32]) -> Result<Option<String>, Error> {
    let gpu = Gpu::open().expect("tests of this feature need a GPU, or what tools/gpu installs");
    let executable = Executable::on_gpu(graph, &gpu, &[])?;
    let found = run(&mut Runner::new(&executable), executable.inputs(), model)?;
    Ok(agreement::difference(wanted, &found, TOLERANCE).map(|d| format!("GPU: {d}")))
}

fn packed_faults(graph: &Graph, model: &Path, wanted: &[f32]) -> Result<Vec<String>, Error> {
    let mut faults = Vec::new();
    let mut fused: Vec<Vec<f32>> = Vec::new();
    for isa in Isa::available() {
        let executable = Executable::for_isa(graph, isa, &[])?;
        let mut runner = Runner::new(&executable);
        let found = run(&mut runner, executable.inputs(), model)?;
        faults.extend(agreement::difference(wanted, &found, TOLERANCE).map(|d| format!("{isa:?}: {d}")));
        // The second run sees the first one's leftovers.
        if !agreement::same_bits(&found, &run(&mut runner, executable.inputs(), model)?) {
            faults.push(format!("{isa:?}: the second run differs"));
        }
        if isa.is_fused() {
            fused.push(found);
        }
    }
    // Templates must not depend on the processor: the order of summation is the same everywhere.
    if fused.windows(2).any(|pair| !agreement::same_bits(&pair[0], &pair[1])) {
        faults.push("instruction sets differ".into());
    }
    Ok(faults)
}

/// Returns all outputs, one after the other, for the inputs in the file beside the model.
fn run(runner: &mut Runner, ports: &[Port], model: &Path) -> Result<Vec<f32>, Error> {
    let values = agreement::read(&model.with_extension("in"));
    let mut rest = values.as_slice();
    let lengths = ports.iter().map(|port| port.shape.iter().product::<usize>());
    let inputs: Vec<&[f32]> = lengths.map(|len| rest.split_off(..len).expect("the file has every input")).collect();
    Ok(runner.run(&inputs)?.concat())
}
