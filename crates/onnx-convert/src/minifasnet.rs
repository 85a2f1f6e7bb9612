//! The two structures of MiniFASNet: a chain of inverted residuals as in MobileFaceNet, pruned to odd widths.

use bytes::Bytes;
use onnx::proto::AttributeProto;

use crate::state_dict::{Element, Tensors, wrong};
use crate::writer::{self, Output, Precision, Writer};
use crate::{Error, INPUT, Structure};

const SIDE: usize = 80;
const CLASSES: usize = 3;
/// Channels after the stem, after the last stage and of the embedding.
const STEM: usize = 32;
const HEAD: usize = 512;
const EMBEDDING: usize = 128;
/// Rows and columns of the image before the head: 80 halved four times.
const HEAD_KERNEL: usize = 5;
/// The epsilon that PyTorch adds to variances.
const EPSILON: f32 = 1e-5;
/// Squeeze-and-excitation goes through a quarter of the channels.
const SQUEEZE: usize = 4;

/// A block that halves the image, then residual blocks of the same width.
struct Stage {
    name_down: &'static str,
    /// Channels inside the halving block.
    inside: usize,
    /// Channels out of every block of the stage.
    width: usize,
    name: &'static str,
    /// Channels inside each residual block.
    residuals: &'static [usize],
}

const fn stage(
    name_down: &'static str,
    inside: usize,
    width: usize,
    name: &'static str,
    residuals: &'static [usize],
) -> Stage {
    Stage { name_down, inside, width, name, residuals }
}

const V2: [Stage; 3] = [
    stage("conv_23", 103, 64, "conv_3", &[13, 13, 13, 13]),
    stage("conv_34", 231, 128, "conv_4", &[231, 52, 26, 77, 26, 26]),
    stage("conv_45", 308, 128, "conv_5", &[26, 26]),
];

const V1_SE: [Stage; 3] = [
    stage("conv_23", 103, 64, "conv_3", &[13, 26, 13, 52]),
    stage("conv_34", 231, 128, "conv_4", &[154, 52, 26, 52, 26, 26]),
    stage("conv_45", 308, 128, "conv_5", &[26, 26]),
];

/// A convolution without a bias. The image shrinks only by the stride, or by a kernel without padding.
#[derive(Clone, Copy)]
struct Conv {
    channels: usize,
    out: usize,
    kernel: usize,
    stride: usize,
    pad: usize,
    depthwise: bool,
}

impl Conv {
    fn pointwise(channels: usize, out: usize) -> Self {
        Self { channels, out, kernel: 1, stride: 1, pad: 0, depthwise: false }
    }

    fn depthwise(channels: usize, stride: usize) -> Self {
        Self { channels, out: channels, kernel: 3, stride, pad: 1, depthwise: true }
    }
}

/// Writes the network as ONNX. Every tensor must be used; the number of training batches is read and ignored.
pub fn convert(tensors: Tensors, structure: Structure) -> Result<Vec<u8>, Error> {
    let (name, stages, squeeze) = match structure {
        Structure::MiniFasNetV2 => ("MiniFASNetV2", &V2, false),
        Structure::MiniFasNetV1Se => ("MiniFASNetV1SE", &V1_SE, true),
    };
    let mut building = Building { tensors, writer: Writer::default() };
    let stem = Conv { channels: 3, out: STEM, kernel: 3, stride: 2, pad: 1, depthwise: false };
    let mut at = building.activated("conv1", stem, INPUT)?;
    at = building.activated("conv2_dw", Conv::depthwise(STEM, 1), &at)?;
    let mut width = STEM;
    for stage in stages {
        at = building.inverted(stage.name_down, [width, stage.inside, stage.width], 2, &at)?;
        width = stage.width;
        for (index, &inside) in stage.residuals.iter().enumerate() {
            let block = format!("{}.model.{index}", stage.name);
            let mut side = building.inverted(&block, [width, inside, width], 1, &at)?;
            if squeeze && index + 1 == stage.residuals.len() {
                side = building.excited(&format!("{block}.se_module"), width, &side)?;
            }
            at = building.node("Add", &format!("{block}.add"), &[&at, &side], vec![]);
        }
    }
    at = building.activated("conv_6_sep", Conv::pointwise(width, HEAD), &at)?;
    let whole = Conv { kernel: HEAD_KERNEL, pad: 0, ..Conv::depthwise(HEAD, 1) };
    at = building.normalized("conv_6_dw", whole, &at)?;
    at = building.node("Flatten", "conv_6_flatten", &[&at], vec![writer::int("axis", 1)]);
    at = building.dense("linear", [HEAD, EMBEDDING], &at, "linear.out")?;
    at = building.batch_norm("bn", EMBEDDING, &at)?;
    building.dense("prob", [EMBEDDING, CLASSES], &at, "logits")?;
    building.end()?;
    let outputs = vec![Output { name: "logits".to_owned(), dims: vec![Some(1), Some(CLASSES)] }];
    Ok(building.writer.finish(name, &[Some(1), Some(3), Some(SIDE), Some(SIDE)], outputs))
}

struct Building<'a> {
    /// Tensors that are not used yet.
    tensors: Tensors<'a>,
    writer: Writer,
}

impl Building<'_> {
    /// Writes the floats of this name and shape under another shape, `stored`, of as many elements.
    fn stored(&mut self, name: &str, shape: &[usize], stored: &[usize]) -> Result<String, Error> {
        let tensor = self.tensors.remove(name).ok_or_else(|| wrong(name, "it is missing"))?;
        if tensor.element != Element::Float || tensor.shape != shape {
            let found = (tensor.element, &tensor.shape);
            return Err(wrong(name, format!("it is {found:?}, not {:?}", (Element::Float, shape))));
        }
        Ok(self.writer.weight(name, Precision::F32, stored, Bytes::copy_from_slice(tensor.raw)))
    }

    fn floats(&mut self, name: &str, shape: &[usize]) -> Result<String, Error> {
        self.stored(name, shape, shape)
    }

    fn node(&mut self, op: &str, name: &str, inputs: &[&str], attributes: Vec<AttributeProto>) -> String {
        let output = format!("{name}.out");
        self.writer.node(op, name, inputs, attributes, &output);
        output
    }

    fn conv(&mut self, name: &str, conv: Conv, input: &str) -> Result<String, Error> {
        let (group, depth) = if conv.depthwise { (conv.channels, 1) } else { (1, conv.channels) };
        let weight = self.floats(&format!("{name}.weight"), &[conv.out, depth, conv.kernel, conv.kernel])?;
        let twice = |size: usize| [size as i64; 2];
        let attributes = vec![
            writer::int("group", group as i64),
            writer::ints("kernel_shape", &twice(conv.kernel)),
            writer::ints("strides", &twice(conv.stride)),
            writer::ints("pads", &[conv.pad as i64; 4]),
        ];
        Ok(self.node("Conv", name, &[input, &weight], attributes))
    }

    fn batch_norm(&mut self, name: &str, channels: usize, input: &str) -> Result<String, Error> {
        let mut inputs = vec![input.to_owned()];
        for part in ["weight", "bias", "running_mean", "running_var"] {
            inputs.push(self.floats(&format!("{name}.{part}"), &[channels])?);
        }
        // Older versions of PyTorch do not count batches.
        let count = format!("{name}.num_batches_tracked");
        if let Some(tensor) = self.tensors.remove(&count)
            && (tensor.element != Element::Long || !tensor.shape.is_empty())
        {
            return Err(wrong(&count, format!("it is {:?}, not one integer", (tensor.element, &tensor.shape))));
        }
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        Ok(self.node("BatchNormalization", name, &inputs, vec![writer::float("epsilon", EPSILON)]))
    }

    fn normalized(&mut self, name: &str, conv: Conv, input: &str) -> Result<String, Error> {
        let at = self.conv(&format!("{name}.conv"), conv, input)?;
        self.batch_norm(&format!("{name}.bn"), conv.out, &at)
    }

    fn activated(&mut self, name: &str, conv: Conv, input: &str) -> Result<String, Error> {
        let at = self.normalized(name, conv, input)?;
        let slope = self.stored(&format!("{name}.prelu.weight"), &[conv.out], &[conv.out, 1, 1])?;
        Ok(self.node("PRelu", &format!("{name}.prelu"), &[&at, &slope], vec![]))
    }

    /// Adds a pointwise convolution to the inner width, a depthwise one, and a pointwise one to the outer width.
    fn inverted(
        &mut self,
        name: &str,
        [channels, inside, out]: [usize; 3],
        stride: usize,
        input: &str,
    ) -> Result<String, Error> {
        let at = self.activated(&format!("{name}.conv"), Conv::pointwise(channels, inside), input)?;
        let at = self.activated(&format!("{name}.conv_dw"), Conv::depthwise(inside, stride), &at)?;
        self.normalized(&format!("{name}.project"), Conv::pointwise(inside, out), &at)
    }

    /// Adds squeeze-and-excitation: scales each channel by a factor that is computed from the whole image.
    fn excited(&mut self, name: &str, channels: usize, input: &str) -> Result<String, Error> {
        let few = channels / SQUEEZE;
        let at = self.node("GlobalAveragePool", &format!("{name}.avg_pool"), &[input], vec![]);
        let at = self.conv(&format!("{name}.fc1"), Conv::pointwise(channels, few), &at)?;
        let at = self.batch_norm(&format!("{name}.bn1"), few, &at)?;
        let at = self.node("Relu", &format!("{name}.relu"), &[&at], vec![]);
        let at = self.conv(&format!("{name}.fc2"), Conv::pointwise(few, channels), &at)?;
        let at = self.batch_norm(&format!("{name}.bn2"), channels, &at)?;
        let at = self.node("Sigmoid", &format!("{name}.sigmoid"), &[&at], vec![]);
        Ok(self.node("Mul", &format!("{name}.mul"), &[input, &at], vec![]))
    }

    fn dense(&mut self, name: &str, [depth, out]: [usize; 2], input: &str, output: &str) -> Result<String, Error> {
        let weight = self.floats(&format!("{name}.weight"), &[out, depth])?;
        self.writer.node("Gemm", name, &[input, &weight], vec![writer::int("transB", 1)], output);
        Ok(output.to_owned())
    }

    /// Fails if any tensor was not used.
    fn end(&self) -> Result<(), Error> {
        let left = self.tensors.keys().next();
        left.map_or(Ok(()), |name| Err(wrong(name, "the network does not use it")))
    }
}
