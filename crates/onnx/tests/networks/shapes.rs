//! Compares packed kernels with burn on networks of any shape: layers, channels, windows and sizes are drawn by chance.

use std::sync::LazyLock;

use onnx::graph::Graph;
use onnx::kernels::isa::Isa;
use onnx::scratch::Scratch;
use onnx::{Engine, Executable, Runner};
use onnx_convert::INPUT;
use onnx_convert::writer::{Output, Writer, float, int, ints};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::RngSeed;

use crate::agreement;

/// The largest difference from burn, relative to the largest value (at least one).
const TOLERANCE: f32 = 1e-4;
const NETWORKS: u32 = 300;
/// Floats of each of two buffers, which together are larger than most of the networks need.
const SPOILT: usize = 1 << 18;

/// A layer of a drawn network. One that does not fit its input is left out.
#[derive(Debug, Clone)]
enum Layer {
    Conv {
        groups: Groups,
        outputs: usize,
        window: Window,
        activation: Activation,
    },
    MaxPool(Window),
    /// Adds the nearest earlier value of the same shape.
    Add,
    /// Joins the channels of the nearest earlier value of the same size.
    Concat,
    Double,
}

#[derive(Debug, Clone, Copy)]
enum Groups {
    One,
    Two,
    Channelwise,
}

#[derive(Debug, Clone, Copy)]
enum Activation {
    None,
    Relu,
    Leaky,
    PRelu,
}

/// Rows, then columns.
#[derive(Debug, Clone)]
struct Window {
    kernel: [usize; 2],
    stride: [usize; 2],
    dilation: [usize; 2],
    /// Above, left, below, right.
    padding: [usize; 4],
}

impl Window {
    /// Returns the sizes of the result; `None` if the window is larger than the padded image.
    fn over(&self, size: [usize; 2]) -> Option<[usize; 2]> {
        let [rows, columns] = [0, 1].map(|axis| {
            let padded = size[axis] + self.padding[axis] + self.padding[axis + 2];
            let reach = self.dilation[axis] * (self.kernel[axis] - 1) + 1;
            Some(padded.checked_sub(reach)? / self.stride[axis] + 1)
        });
        Some([rows?, columns?])
    }
}

fn window() -> impl Strategy<Value = Window> {
    let fields = ([1..=5usize, 1..=5], [1..=3usize, 1..=3], [1..=2usize, 1..=2], [0..=4usize, 0..=4, 0..=4, 0..=4]);
    fields.prop_map(|(kernel, stride, dilation, padding)| {
        // Operators of other runtimes refuse padding as wide as the kernel.
        let padding = std::array::from_fn(|side| padding[side].min(kernel[side % 2] - 1));
        Window { kernel, stride, dilation, padding }
    })
}

/// A window of 3 x 3 or 1 x 1, which most networks have, or any other.
fn conv_window() -> impl Strategy<Value = Window> {
    let plain = |side: usize| Window { kernel: [side; 2], stride: [1; 2], dilation: [1; 2], padding: [side / 2; 4] };
    prop_oneof![Just(plain(3)), Just(plain(1)), window()]
}

fn layer() -> impl Strategy<Value = Layer> {
    let groups = select(vec![Groups::One, Groups::One, Groups::Two, Groups::Channelwise]);
    let activation = select(vec![Activation::None, Activation::Relu, Activation::Leaky, Activation::PRelu]);
    let conv = (groups, 1..=40usize, conv_window(), activation);
    prop_oneof![
        6 => conv.prop_map(|(groups, outputs, window, activation)| Layer::Conv { groups, outputs, window, activation }),
        1 => window().prop_map(|window| Layer::MaxPool(Window { dilation: [1; 2], ..window })),
        1 => Just(Layer::Add),
        1 => Just(Layer::Concat),
        1 => Just(Layer::Double),
    ]
}

/// The channels, rows and columns of an input: small, or so large that consecutive layers run in bands.
fn input() -> impl Strategy<Value = [usize; 3]> {
    prop_oneof![9 => [1..=20usize, 1..=24, 1..=40], 1 => [8..=24usize, 120..=140, 120..=140]]
}

/// A network that is being written.
#[derive(Default)]
struct Draft {
    writer: Writer,
    /// The name and shape of every value so far; the first is the input.
    values: Vec<(String, [usize; 3])>,
    state: u32,
}

impl Draft {
    /// Returns values of about -1 to 1.
    fn noise(&mut self, len: usize) -> Vec<f32> {
        let mut next = || {
            self.state = self.state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            self.state as f32 / (u32::MAX / 2) as f32 - 1.0
        };
        (0..len).map(|_| next()).collect()
    }

    /// Writes a constant of noise that is small enough for sums of `terms` products to stay near one.
    fn weight(&mut self, name: &str, dims: &[usize], terms: usize) {
        let values = self.noise(dims.iter().product()).into_iter().map(|value| value / (terms as f32).sqrt());
        self.writer.floats(name, dims, &values.collect::<Vec<f32>>());
    }

    fn last(&self) -> (String, [usize; 3]) {
        self.values.last().expect("there is an input").clone()
    }

    fn earlier(&self, fits: impl Fn(&[usize; 3]) -> bool) -> Option<(String, [usize; 3])> {
        let (_, before) = self.values.split_last()?;
        before.iter().rev().find(|(_, shape)| fits(shape)).cloned()
    }

    fn add(&mut self, layer: &Layer) -> Option<()> {
        let name = format!("v{}", self.values.len());
        let (from, [channels, rows, columns]) = self.last();
        let shape = match layer {
            Layer::Conv { groups, outputs, window, activation } => {
                let [high, wide] = window.over([rows, columns])?;
                let (group, outputs) = match groups {
                    Groups::One => (1, *outputs),
                    Groups::Two if channels.is_multiple_of(2) => (2, 2 * outputs),
                    Groups::Two => return None,
                    Groups::Channelwise => (channels, channels),
                };
                self.conv(&name, &from, [channels / group, group, outputs], window, *activation);
                [outputs, high, wide]
            }
            Layer::MaxPool(window) => {
                let [high, wide] = window.over([rows, columns])?;
                self.writer.node("MaxPool", &name, &[&from], attributes(window), &name);
                [channels, high, wide]
            }
            Layer::Add => {
                let (other, _) = self.earlier(|shape| *shape == [channels, rows, columns])?;
                self.writer.node("Add", &name, &[&other, &from], vec![], &name);
                [channels, rows, columns]
            }
            Layer::Concat => {
                let (other, [more, ..]) = self.earlier(|shape| shape[1..] == [rows, columns])?;
                self.writer.node("Concat", &name, &[&from, &other], vec![int("axis", 1)], &name);
                [channels + more, rows, columns]
            }
            Layer::Double => {
                let scales = format!("{name}.scales");
                self.writer.floats(&scales, &[4], &[1.0, 1.0, 2.0, 2.0]);
                self.writer.node("Resize", &name, &[&from, "", &scales], vec![], &name);
                [channels, 2 * rows, 2 * columns]
            }
        };
        self.values.push((name, shape));
        Some(())
    }

    fn conv(&mut self, name: &str, from: &str, sizes: [usize; 3], window: &Window, activation: Activation) {
        let [channels, group, outputs] = sizes;
        let [weight, bias, slope, linear] = ["w", "b", "s", "l"].map(|part| format!("{name}.{part}"));
        let terms = channels * window.kernel.iter().product::<usize>();
        self.weight(&weight, &[outputs, channels, window.kernel[0], window.kernel[1]], terms);
        self.weight(&bias, &[outputs], 1);
        let mut all = attributes(window);
        all.extend([int("group", group as i64), ints("dilations", &window.dilation.map(|step| step as i64))]);
        let is_linear = matches!(activation, Activation::None);
        self.writer.node("Conv", name, &[from, &weight, &bias], all, if is_linear { name } else { &linear });
        match activation {
            Activation::None => {}
            Activation::Relu => self.writer.node("Relu", name, &[&linear], vec![], name),
            Activation::Leaky => self.writer.node("LeakyRelu", name, &[&linear], vec![float("alpha", 0.2)], name),
            Activation::PRelu => {
                self.weight(&slope, &[outputs, 1, 1], 1);
                self.writer.node("PRelu", name, &[&linear, &slope], vec![], name);
            }
        }
    }

    /// Returns the file: its outputs are the last value and one in the middle, which others read too.
    fn finish(self) -> Vec<u8> {
        let (_, [channels, rows, columns]) = self.values[0];
        let sizes = [1, channels, rows, columns].map(Some);
        let last = self.values.len() - 1;
        let mut places = vec![last.div_ceil(2), last];
        places.dedup();
        let output = |&place: &usize| Output { name: self.values[place].0.clone(), dims: vec![None; 4] };
        let outputs = places.iter().map(output).collect();
        self.writer.finish("drawn", &sizes, outputs)
    }
}

fn attributes(window: &Window) -> Vec<onnx::proto::AttributeProto> {
    let whole = |values: &[usize]| values.iter().map(|&value| value as i64).collect::<Vec<i64>>();
    let (kernel, strides, pads) = (whole(&window.kernel), whole(&window.stride), whole(&window.padding));
    vec![ints("kernel_shape", &kernel), ints("strides", &strides), ints("pads", &pads)]
}

/// Runs a network that leaves values that are not numbers all over its memory.
fn spoil(scratch: &Scratch) {
    static NETWORK: LazyLock<Executable> = LazyLock::new(|| {
        let mut writer = Writer::default();
        writer.node("Add", "twice", &[INPUT, INPUT], vec![], "twice");
        let output = Output { name: "twice".to_owned(), dims: vec![None] };
        let file = writer.finish("spoil", &[Some(SPOILT)], vec![output]);
        let graph = Graph::from_bytes(file.into()).expect("it is whole");
        Executable::new(&graph, Engine::Packed, &[]).expect("it compiles")
    });
    let outputs = Runner::sharing(&NETWORK, scratch).run(&[&vec![f32::NAN; SPOILT]]).expect("it runs");
    assert!(outputs[0].iter().all(|value| value.is_nan()));
}

/// Returns why executors differ on this network; `None` if they agree.
fn fault(file: Vec<u8>, picture: &[f32]) -> Option<String> {
    let graph = Graph::from_bytes(file.into()).expect("it is whole");
    let burn = Executable::new(&graph, Engine::Burn, &[]).expect("burn compiles it");
    let wanted = Runner::new(&burn).run(&[picture]).expect("it runs").concat();
    let mut fused: Option<Vec<f32>> = None;
    for isa in Isa::available() {
        let packed = Executable::for_isa(&graph, isa, &[]).expect("it compiles");
        let scratch = Scratch::default();
        let mut runner = Runner::sharing(&packed, &scratch);
        let found = runner.run(&[picture]).expect("it runs").concat();
        if let Some(difference) = agreement::difference(&wanted, &found, TOLERANCE) {
            return Some(format!("{isa:?}: {difference}"));
        }
        spoil(&scratch);
        if !agreement::same_bits(&found, &runner.run(&[picture]).expect("it runs").concat()) {
            return Some(format!("{isa:?}: the run of another network shows in the second run"));
        }
        if isa.is_fused() && !agreement::same_bits(&found, fused.get_or_insert_with(|| found.clone())) {
            return Some(format!("{isa:?}: other bits than another instruction set"));
        }
    }
    None
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: NETWORKS,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(1),
        ..ProptestConfig::default()
    })]

    #[test]
    fn networks_of_any_shape_agree_with_burn(shape in input(), layers in vec(layer(), 1..8), seed: u32) {
        let values = vec![(INPUT.to_owned(), shape)];
        let mut draft = Draft { values, state: seed, ..Draft::default() };
        let added = layers.iter().filter_map(|layer| draft.add(layer)).count();
        prop_assume!(added > 0);
        let picture = draft.noise(shape.iter().product());
        let fault = fault(draft.finish(), &picture);
        prop_assert!(fault.is_none(), "{}", fault.unwrap_or_default());
    }
}
