//! Converts layers of OpenVINO's first operator set to ONNX nodes.
//!
//! All floats are computed in single precision, as OpenVINO's own CPU plug-in does. OpenVINO's documentation describes
//! the layers under "Available Operation Sets".

use std::collections::HashMap;

use bytes::Bytes;
use onnx::proto::AttributeProto;
use onnx::tensor;

use crate::fields::Fields;
use crate::ir::{Dims, Ir, Layer};
use crate::writer::{self, Output, Precision, Writer};
use crate::{Error, INPUT};

/// The most bytes of constants, summed over the layers that read them: layers may share constants, and constants may
/// share bytes of the file.
const WEIGHT_BYTES_MAX: usize = 1 << 28;

/// The output of a layer.
#[derive(Clone)]
enum Value {
    /// Float constants, which are written once a layer reads them. `at` is the index of their layer.
    Floats { at: usize, precision: Precision, dims: Vec<usize>, raw: Bytes },
    /// Integer constants, which only serve as parameters of other layers.
    Integers(Vec<i64>),
    /// A value that is computed at run time, by its name.
    Computed(String),
}

struct Conversion {
    bin: Bytes,
    /// Bytes of constants that layers have read so far.
    weight_bytes: usize,
    /// The value of each layer seen so far; `None` for results.
    values: Vec<Option<Value>>,
    /// Names of the layers that results read.
    outputs: HashMap<usize, String>,
    /// Names of the constants written, by layer and shape.
    written: HashMap<(usize, Vec<usize>), String>,
    input: Option<Dims>,
    writer: Writer,
}

/// Converts the network to ONNX without inferring its shapes.
pub fn convert(ir: &Ir, bin: &[u8]) -> Result<Vec<u8>, Error> {
    let mut conversion = Conversion {
        bin: Bytes::copy_from_slice(bin),
        weight_bytes: 0,
        values: Vec::with_capacity(ir.layers.len()),
        outputs: HashMap::new(),
        written: HashMap::new(),
        input: None,
        writer: Writer::default(),
    };
    let outputs = conversion.name_outputs(ir)?;
    for (at, layer) in ir.layers.iter().enumerate() {
        let value = conversion.layer(at, layer)?;
        conversion.values.push(value);
    }
    let input = conversion.input.ok_or_else(|| Error::Ir("it has no Parameter layer".into()))?;
    Ok(conversion.writer.finish(&ir.name, &input, outputs))
}

impl Conversion {
    fn name_outputs(&mut self, ir: &Ir) -> Result<Vec<Output>, Error> {
        let count = ir.result_layers().count();
        if count == 0 {
            return Err(Error::Ir("it has no Result layer".into()));
        }
        let mut outputs = Vec::with_capacity(count);
        for (index, layer) in ir.result_layers().enumerate() {
            let [input] = layer.inputs.as_slice() else { return Err(inputs_wanted(layer, 1)) };
            let name = if count == 1 { "output".to_owned() } else { format!("output_{index}") };
            if self.outputs.insert(input.source, name.clone()).is_some() {
                return Err(layer.error("another result reads the same layer"));
            }
            outputs.push(Output { name, dims: input.dims.clone() });
        }
        Ok(outputs)
    }

    fn layer(&mut self, at: usize, layer: &Layer) -> Result<Option<Value>, Error> {
        if layer.version != "opset1" {
            return Err(layer.error(format!("its version '{}' is not supported: opset1 is", layer.version)));
        }
        if layer.output.is_none() != (layer.kind == "Result") {
            return Err(layer.error("it has the wrong number of outputs"));
        }
        let mut fields = Fields::new(layer);
        let value = match layer.kind.as_str() {
            "Parameter" => self.parameter(layer, &mut fields)?,
            "Const" => self.constant(at, layer, &mut fields)?,
            "Convert" => self.convert(layer, &mut fields)?,
            "Result" => {
                self.result(layer)?;
                fields.end()?;
                return Ok(None);
            }
            "Convolution" => self.convolution(at, layer, &mut fields, false)?,
            "GroupConvolution" => self.convolution(at, layer, &mut fields, true)?,
            "AvgPool" => self.average_pool(at, layer, &mut fields)?,
            "Add" => self.arithmetic(at, layer, &mut fields, "Add")?,
            "Multiply" => self.arithmetic(at, layer, &mut fields, "Mul")?,
            "ReLU" => self.unary(at, layer, "Relu")?,
            "Sigmoid" => self.unary(at, layer, "Sigmoid")?,
            "Clamp" => self.clamp(at, layer, &mut fields)?,
            "PReLU" => self.prelu(at, layer)?,
            "MatMul" => self.mat_mul(at, layer, &mut fields)?,
            "ReduceMean" => self.reduce_mean(at, layer, &mut fields)?,
            "Reshape" => self.reshape(at, layer, &mut fields)?,
            _ => return Err(layer.error("this type of layer is not supported")),
        };
        fields.end()?;
        Ok(Some(value))
    }

    fn parameter(&mut self, layer: &Layer, fields: &mut Fields) -> Result<Value, Error> {
        inputs(layer, 0)?;
        fields.choice("element_type", &[("f32", ()), ("f16", ())])?;
        let dims = fields.dims("shape")?;
        if Some(&dims) != layer.output.as_ref() {
            return Err(layer.error(format!("its shape is {dims:?}, that of its port {:?}", layer.output)));
        }
        if dims.iter().skip(1).any(Option::is_none) {
            return Err(layer.error(format!("shape {dims:?}: only the first size may be open")));
        }
        if self.input.replace(dims).is_some() {
            return Err(layer.error("it is the second input: one is supported"));
        }
        Ok(Value::Computed(INPUT.to_owned()))
    }

    fn constant(&mut self, at: usize, layer: &Layer, fields: &mut Fields) -> Result<Value, Error> {
        inputs(layer, 0)?;
        let element = fields.required("element_type")?;
        let size = match element {
            "f16" => Precision::F16.size(),
            "f32" | "i32" => 4,
            "i64" => 8,
            other => return Err(layer.error(format!("element type {other} is not supported"))),
        };
        let dims = fields.dims("shape")?;
        if Some(&dims) != layer.output.as_ref() {
            return Err(layer.error(format!("its shape is {dims:?}, that of its port {:?}", layer.output)));
        }
        let dims: Option<Vec<usize>> = dims.into_iter().collect();
        let dims = dims.ok_or_else(|| layer.error("a constant cannot have an open size"))?;
        let (offset, len): (usize, usize) = (fields.number("offset")?, fields.number("size")?);
        let wanted = tensor::checked_len(&dims).and_then(|count| count.checked_mul(size));
        if wanted != Some(len) {
            return Err(layer.error(format!("{len} bytes do not fill {dims:?} of {element}")));
        }
        let end = offset.checked_add(len).filter(|&end| end <= self.bin.len());
        let end = end.ok_or_else(|| {
            let found = self.bin.len();
            layer.error(format!("{len} bytes from {offset} on: the file of weights ends at {found}"))
        })?;
        let raw = self.bin.slice(offset..end);
        Ok(match element {
            "f16" => Value::Floats { at, precision: Precision::F16, dims, raw },
            "f32" => Value::Floats { at, precision: Precision::F32, dims, raw },
            "i32" => Value::Integers(raw.as_chunks().0.iter().map(|&word| i32::from_le_bytes(word).into()).collect()),
            _ => Value::Integers(raw.as_chunks().0.iter().map(|&word| i64::from_le_bytes(word)).collect()),
        })
    }

    /// Converts to single precision, in which all floats are read anyway.
    fn convert(&mut self, layer: &Layer, fields: &mut Fields) -> Result<Value, Error> {
        let [value] = self.read(layer)?;
        let destination = fields.required("destination_type")?;
        if destination != "f32" {
            return Err(layer.error(format!("to {destination}: only f32 is supported")));
        }
        if let Value::Integers(_) = value {
            return Err(layer.error("from integers"));
        }
        Ok(value)
    }

    fn result(&mut self, layer: &Layer) -> Result<(), Error> {
        let [value] = self.read(layer)?;
        match value {
            Value::Computed(name) if self.outputs.get(&layer.inputs[0].source) == Some(&name) => Ok(()),
            _ => Err(layer.error("it reads a layer that computes nothing")),
        }
    }

    fn convolution(&mut self, at: usize, layer: &Layer, fields: &mut Fields, grouped: bool) -> Result<Value, Error> {
        let [image, weight] = self.read(layer)?;
        let Value::Floats { dims, .. } = &weight else { return Err(layer.error("its weight must be constant")) };
        let (group, dims) = match (grouped, dims.as_slice()) {
            (false, &[out, channels, height, width]) => (1, [out, channels, height, width]),
            // The number of groups comes before the sizes of one group.
            (true, &[group, out, channels, height, width]) => (group, [group * out, channels, height, width]),
            _ => return Err(layer.error(format!("weight {dims:?}: only 2-D is supported"))),
        };
        let kernel = [dims[2] as i64, dims[3] as i64];
        let mut attributes = vec![writer::int("group", group as i64), writer::ints("kernel_shape", &kernel)];
        attributes.push(writer::ints("dilations", &fields.pair("dilations", 1)?));
        window(fields, &mut attributes)?;
        let image = computed(layer, image)?;
        let weight = self.written_as(layer, &weight, &dims)?;
        Ok(self.emit(at, layer, "Conv", &[&image, &weight], attributes))
    }

    fn average_pool(&mut self, at: usize, layer: &Layer, fields: &mut Fields) -> Result<Value, Error> {
        let [image] = self.read(layer)?;
        let mut attributes = vec![writer::ints("kernel_shape", &fields.pair("kernel", 1)?)];
        window(fields, &mut attributes)?;
        let exclude = fields.flag("exclude-pad")?.ok_or_else(|| layer.error("it has no 'exclude-pad'"))?;
        attributes.push(writer::int("count_include_pad", (!exclude).into()));
        let ceil = fields.choice("rounding_type", &[("floor", 0), ("ceil", 1)])?;
        attributes.push(writer::int("ceil_mode", ceil));
        let image = computed(layer, image)?;
        Ok(self.emit(at, layer, "AveragePool", &[&image], attributes))
    }

    fn arithmetic(&mut self, at: usize, layer: &Layer, fields: &mut Fields, op: &str) -> Result<Value, Error> {
        let [a, b] = self.read(layer)?;
        fields.choice("auto_broadcast", &[("numpy", ())])?;
        // From constants alone a small file could make large ones without end.
        if let (Value::Floats { .. }, Value::Floats { .. }) = (&a, &b) {
            return Err(layer.error("both of its inputs are constant"));
        }
        let (a, b) = (self.written(layer, &a)?, self.written(layer, &b)?);
        Ok(self.emit(at, layer, op, &[&a, &b], vec![]))
    }

    fn unary(&mut self, at: usize, layer: &Layer, op: &str) -> Result<Value, Error> {
        let [input] = self.read(layer)?;
        let input = computed(layer, input)?;
        Ok(self.emit(at, layer, op, &[&input], vec![]))
    }

    fn clamp(&mut self, at: usize, layer: &Layer, fields: &mut Fields) -> Result<Value, Error> {
        let [input] = self.read(layer)?;
        let (min, max): (f32, f32) = (fields.number("min")?, fields.number("max")?);
        if min.is_nan() || max.is_nan() || min > max {
            return Err(layer.error(format!("the range from {min} to {max} is empty")));
        }
        let input = computed(layer, input)?;
        let mut bound = |side: &str, value: f32| self.writer.floats(&format!("{side}{at}"), &[], &[value]);
        let (low, high) = (bound("min", min), bound("max", max));
        Ok(self.emit(at, layer, "Clip", &[&input, &low, &high], vec![]))
    }

    /// A slope of one value applies to all channels; a longer one has a value for each index of axis 1.
    fn prelu(&mut self, at: usize, layer: &Layer) -> Result<Value, Error> {
        let [input, slope] = self.read(layer)?;
        let rank = layer.inputs[0].dims.len();
        let dims = match &slope {
            Value::Floats { dims, .. } => match dims.as_slice() {
                [1] => vec![1],
                &[channels] if rank > 1 => [&[channels][..], &vec![1; rank - 2]].concat(),
                _ => return Err(layer.error(format!("slope {dims:?} for a tensor of rank {rank}"))),
            },
            _ => return Err(layer.error("its slope must be constant")),
        };
        let input = computed(layer, input)?;
        let slope = self.written_as(layer, &slope, &dims)?;
        Ok(self.emit(at, layer, "PRelu", &[&input, &slope], vec![]))
    }

    fn mat_mul(&mut self, at: usize, layer: &Layer, fields: &mut Fields) -> Result<Value, Error> {
        let [a, b] = self.read(layer)?;
        if fields.flag("transpose_a")? == Some(true) {
            return Err(layer.error("transpose_a is not supported"));
        }
        let transposed = fields.flag("transpose_b")?.unwrap_or(false);
        let (a, mut b) = (computed(layer, a)?, self.written(layer, &b)?);
        if transposed {
            if layer.inputs[1].dims.len() != 2 {
                return Err(layer.error("transpose_b of other than two axes is not supported"));
            }
            let name = format!("t{at}");
            self.writer.node("Transpose", &layer.name, &[&b], vec![writer::ints("perm", &[1, 0])], &name);
            b = name;
        }
        Ok(self.emit(at, layer, "MatMul", &[&a, &b], vec![]))
    }

    fn reduce_mean(&mut self, at: usize, layer: &Layer, fields: &mut Fields) -> Result<Value, Error> {
        let [input, axes] = self.read(layer)?;
        let Value::Integers(axes) = axes else { return Err(layer.error("its axes must be constant integers")) };
        let keep = fields.flag("keep_dims")?.unwrap_or(false);
        let input = computed(layer, input)?;
        let attributes = vec![writer::ints("axes", &axes), writer::int("keepdims", keep.into())];
        Ok(self.emit(at, layer, "ReduceMean", &[&input], attributes))
    }

    fn reshape(&mut self, at: usize, layer: &Layer, fields: &mut Fields) -> Result<Value, Error> {
        let [input, shape] = self.read(layer)?;
        let Value::Integers(shape) = shape else { return Err(layer.error("its shape must be constant integers")) };
        let special_zero = fields.flag("special_zero")?.ok_or_else(|| layer.error("it has no 'special_zero'"))?;
        let impossible = |&size: &i64| size < -1 || (size == 0 && !special_zero);
        if shape.iter().any(impossible) || shape.iter().filter(|&&size| size == -1).count() > 1 {
            return Err(layer.error(format!("to the impossible shape {shape:?}")));
        }
        let input = computed(layer, input)?;
        let name = format!("shape{at}");
        self.writer.integers(&name, &shape);
        Ok(self.emit(at, layer, "Reshape", &[&input, &name], vec![]))
    }

    /// Returns the values of a layer's inputs; fails unless it has `N`.
    fn read<const N: usize>(&self, layer: &Layer) -> Result<[Value; N], Error> {
        let made = layer.inputs.iter().filter_map(|input| self.values[input.source].clone());
        let values: Vec<Value> = made.collect();
        values.try_into().map_err(|_| inputs_wanted(layer, N))
    }

    /// Returns the name of a float value.
    fn written(&mut self, layer: &Layer, value: &Value) -> Result<String, Error> {
        match value {
            Value::Floats { dims, .. } => self.written_as(layer, value, &dims.clone()),
            Value::Computed(name) => Ok(name.clone()),
            Value::Integers(_) => Err(layer.error("it reads integers where floats are wanted")),
        }
    }

    /// Returns the name of a float constant in a shape that has as many elements as its own.
    fn written_as(&mut self, layer: &Layer, value: &Value, dims: &[usize]) -> Result<String, Error> {
        let Value::Floats { at, precision, raw, .. } = value else { return self.written(layer, value) };
        // Loading may copy a weight for each layer that reads it.
        self.weight_bytes += raw.len();
        if self.weight_bytes > WEIGHT_BYTES_MAX {
            return Err(layer.error(format!("the constants take more than {WEIGHT_BYTES_MAX} bytes")));
        }
        let key = (*at, dims.to_vec());
        if let Some(name) = self.written.get(&key) {
            return Ok(name.clone());
        }
        let sizes: Vec<String> = dims.iter().map(ToString::to_string).collect();
        let name = self.writer.weight(&format!("weight{at}.{}", sizes.join("x")), *precision, dims, raw.clone());
        self.written.insert(key, name.clone());
        Ok(name)
    }

    fn emit(&mut self, at: usize, layer: &Layer, op: &str, inputs: &[&str], attributes: Vec<AttributeProto>) -> Value {
        let name = self.outputs.get(&at).cloned().unwrap_or_else(|| format!("value{at}"));
        self.writer.node(op, &layer.name, inputs, attributes, &name);
        Value::Computed(name)
    }
}

/// Reads strides and padding, which convolution and pooling share.
fn window(fields: &mut Fields, attributes: &mut Vec<AttributeProto>) -> Result<(), Error> {
    attributes.push(writer::ints("strides", &fields.pair("strides", 1)?));
    let ([top, left], [bottom, right]) = (fields.pair("pads_begin", 0)?, fields.pair("pads_end", 0)?);
    let known = [
        ("explicit", None),
        ("same_upper", Some("SAME_UPPER")),
        ("same_lower", Some("SAME_LOWER")),
        ("valid", Some("VALID")),
    ];
    attributes.push(match fields.choice("auto_pad", &known)? {
        None => writer::ints("pads", &[top, left, bottom, right]),
        Some(side) => writer::text("auto_pad", side),
    });
    Ok(())
}

/// Returns the name of a value that is not constant.
fn computed(layer: &Layer, value: Value) -> Result<String, Error> {
    match value {
        Value::Computed(name) => Ok(name),
        Value::Floats { .. } | Value::Integers(_) => Err(layer.error("it works on a constant")),
    }
}

fn inputs(layer: &Layer, wanted: usize) -> Result<(), Error> {
    if layer.inputs.len() == wanted { Ok(()) } else { Err(inputs_wanted(layer, wanted)) }
}

fn inputs_wanted(layer: &Layer, wanted: usize) -> Error {
    layer.error(format!("{} inputs, not {wanted}", layer.inputs.len()))
}
