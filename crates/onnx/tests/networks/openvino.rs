//! Converts OpenVINO files made here: every known layer computes what it should, and everything else is refused.

use std::fmt::Write as _;

use onnx::graph::Graph;
use onnx::{Engine, Executable, Runner};

use crate::conversion;

/// A layer to write: its type and attributes, the layers that it reads, the sizes of its output.
struct Layer(&'static str, &'static str, &'static [usize], &'static [i64]);

/// Makes layers with input 1x2x2x2 and output 1x3, and the bytes of their constants.
fn layers() -> (Vec<Layer>, Vec<u8>) {
    let layers = vec![
        Layer("Parameter", "shape='1,2,2,2' element_type='f32'", &[], &[1, 2, 2, 2]),
        Layer("Clamp", "min='-1' max='2.5'", &[0], &[1, 2, 2, 2]),
        Layer("Const", "element_type='f32' shape='2' offset='0' size='8'", &[], &[2]),
        Layer("PReLU", "", &[1, 2], &[1, 2, 2, 2]),
        Layer("Const", "element_type='i64' shape='2' offset='8' size='16'", &[], &[2]),
        Layer("ReduceMean", "keep_dims='true'", &[3, 4], &[1, 2, 1, 1]),
        Layer("Const", "element_type='i32' shape='2' offset='24' size='8'", &[], &[2]),
        Layer("Reshape", "special_zero='true'", &[5, 6], &[1, 2]),
        Layer("Const", "element_type='f16' shape='3, 2' offset='32' size='12'", &[], &[3, 2]),
        Layer("Convert", "destination_type='f32'", &[8], &[3, 2]),
        Layer("MatMul", "transpose_a='false' transpose_b='true'", &[7, 9], &[1, 3]),
        Layer("ReLU", "", &[10], &[1, 3]),
        Layer("Result", "", &[11], &[]),
    ];
    let mut bin: Vec<u8> = [0.5f32, 0.25].into_iter().flat_map(f32::to_le_bytes).collect();
    bin.extend([2i64, 3].into_iter().flat_map(i64::to_le_bytes));
    bin.extend([0i32, -1].into_iter().flat_map(i32::to_le_bytes));
    // 1, 2, -1, 0.5, -2, -1 in half precision.
    bin.extend([0x3c00u16, 0x4000, 0xbc00, 0x3800, 0xc000, 0xbc00].into_iter().flat_map(u16::to_le_bytes));
    (layers, bin)
}

fn xml(layers: &[Layer]) -> String {
    let mut text = "<?xml version='1.0'?><net name='small' version='11'><layers>".to_owned();
    let mut edges = String::new();
    let port = |text: &mut String, id: usize, dims: &[i64]| {
        write!(text, "<port id='{id}' precision='FP32'>").unwrap();
        for size in dims {
            write!(text, "<dim>{size}</dim>").unwrap();
        }
        text.push_str("</port>");
    };
    for (at, Layer(kind, data, reads, dims)) in layers.iter().enumerate() {
        write!(text, "<layer id='{at}' name='l{at}' type='{kind}' version='opset1'><data {data}/><input>").unwrap();
        for (to, &from) in reads.iter().enumerate() {
            port(&mut text, to, layers[from].3);
            let out = layers[from].2.len();
            write!(edges, "<edge from-layer='{from}' from-port='{out}' to-layer='{at}' to-port='{to}'/>").unwrap();
        }
        text.push_str("</input>");
        if *kind != "Result" {
            text.push_str("<output>");
            port(&mut text, reads.len(), dims);
            text.push_str("</output>");
        }
        text.push_str("</layer>");
    }
    write!(text, "</layers><edges>{edges}</edges></net>").unwrap();
    text
}

fn small() -> (String, Vec<u8>) {
    let (layers, bin) = layers();
    (xml(&layers), bin)
}

fn run(onnx: Vec<u8>, input: &[f32]) -> Vec<f32> {
    let graph = Graph::from_bytes(onnx.into()).unwrap();
    let [packed, burn] = [Engine::Packed, Engine::Burn].map(|engine| {
        let executable = Executable::new(&graph, engine, &[]).unwrap();
        assert_eq!((executable.inputs()[0].name.as_str(), executable.outputs()[0].name.as_str()), ("input", "output"));
        Runner::new(&executable).run(&[input]).unwrap().concat()
    });
    assert_eq!(packed, burn);
    packed
}

const INPUT: [f32; 8] = [1.0, 2.0, -4.0, 5.0, 0.0, -0.5, 2.0, 1.0];

#[test]
fn every_small_layer_computes() {
    let (xml, bin) = small();
    // After the clamp and the slopes 0.5 and 0.25, the channels are 1, 2, -0.5, 2.5 and 0, -0.125, 2, 1.
    let means = [5.0 / 4.0, 2.875 / 4.0];
    let wanted = [means[0] + 2.0 * means[1], 0.0, 0.0];
    assert_eq!(run(onnx_convert::openvino(xml.as_bytes(), &bin).unwrap(), &INPUT), wanted);
    // The same network in the older version, with its first layer at the end of the list.
    let older = xml.replace("version='11'", "version='10'");
    let (first, rest) = older.split_once("</layer>").unwrap();
    let (head, first) = first.split_once("<layers>").unwrap();
    let turned = format!("{head}<layers>{}", rest.replace("</layers>", &format!("{first}</layer></layers>")));
    assert_eq!(run(onnx_convert::openvino(turned.as_bytes(), &bin).unwrap(), &INPUT), wanted);
}

#[test]
fn windows_sums_and_products_compute() {
    let layers = [
        Layer("Parameter", "shape='-1,2,2,2' element_type='f16'", &[], &[-1, 2, 2, 2]),
        Layer("Const", "element_type='f32' shape='2,1,1,1,2' offset='0' size='16'", &[], &[2, 1, 1, 1, 2]),
        Layer(
            "GroupConvolution",
            "strides='1,1' dilations='1,1' pads_begin='0,0' pads_end='0,0' auto_pad='same_upper'",
            &[0, 1],
            &[-1, 2, 2, 2],
        ),
        Layer(
            "AvgPool",
            "kernel='2,2' strides='2,2' pads_begin='0,0' pads_end='0,0' exclude-pad='true' rounding_type='ceil'",
            &[2],
            &[-1, 2, 1, 1],
        ),
        Layer("Add", "auto_broadcast='numpy'", &[2, 3], &[-1, 2, 2, 2]),
        Layer("Multiply", "", &[4, 4], &[-1, 2, 2, 2]),
        Layer("Result", "", &[5], &[]),
    ];
    let bin: Vec<u8> = [1.0f32, 2.0, -1.0, 1.0].into_iter().flat_map(f32::to_le_bytes).collect();
    let onnx = onnx_convert::openvino(xml(&layers).as_bytes(), &bin).unwrap();
    assert_eq!(Graph::from_bytes(onnx.clone().into()).unwrap().inputs[0].shape[0], None);
    let conv = [[5.0, 2.0, 6.0, 5.0], [-0.5, 0.5, -1.0, -1.0]];
    let sums = conv.iter().flat_map(|plane| {
        let mean = plane.iter().sum::<f32>() / 4.0;
        plane.map(|value| (value + mean) * (value + mean))
    });
    assert_eq!(run(onnx, &INPUT), sums.collect::<Vec<f32>>());
}

/// Returns the error for the small network with one text in it replaced.
fn said(from: &str, to: &str) -> String {
    let (xml, bin) = small();
    assert!(xml.contains(from), "{from} is not in {xml}");
    onnx_convert::openvino(xml.replacen(from, to, 1).as_bytes(), &bin).unwrap_err().to_string()
}

#[test]
fn what_is_not_known_is_named() {
    for (from, to, wanted) in [
        ("'ReLU'", "'Swish'", "layer 'l11' (Swish): this type of layer is not supported"),
        ("min='-1'", "low='-1'", "layer 'l1' (Clamp): it has no 'min'"),
        ("min='-1'", "min='3'", "layer 'l1' (Clamp): the range from 3 to 2.5 is empty"),
        ("keep_dims", "sharp='1' keep_dims", "layer 'l5' (ReduceMean): attribute sharp = '1' is not supported"),
        ("transpose_a='false'", "transpose_a='true'", "layer 'l10' (MatMul): transpose_a is not supported"),
        ("element_type='f16'", "element_type='u8'", "layer 'l8' (Const): element type u8 is not supported"),
        ("destination_type='f32'", "destination_type='f16'", "layer 'l9' (Convert): to f16: only f32 is supported"),
        ("version='opset1'", "version='opset8'", "layer 'l0' (Parameter): its version 'opset8' is not supported"),
        ("size='12'", "size='14'", "layer 'l8' (Const): 14 bytes do not fill [3, 2] of f16"),
        ("offset='32'", "offset='34'", "layer 'l8' (Const): 12 bytes from 34 on: the file of weights ends at 44"),
        ("offset='32'", "offset='18446744073709551615'", "12 bytes from 18446744073709551615 on"),
        ("offset='32'", "offset='-1'", "layer 'l8' (Const): offset is '-1', which is not a valid number"),
        ("shape='3, 2'", "shape='3, 4294967296'", "layer 'l8' (Const): its shape is"),
        ("version='11'", "version='7'", "version 7 of the representation: 10 and 11 are known"),
        ("id='3' name", "id='2' name", "two layers have the id 2"),
        (
            "from-layer='1' ",
            "from-layer='3' ",
            "l3' (PReLU): an edge begins at its output port 1, which does not exist",
        ),
        ("<dim>2</dim></port></output>", "</port></output>", "l1' (Clamp): the two ends of the edge to port 0 differ"),
        ("from-layer='1' ", "from-layer='99' ", "an edge names layer 99, which does not exist"),
        ("to-layer='5' to-port='1'", "to-layer='5' to-port='0'", "two edges end in its input port 0"),
        ("to-layer='5' to-port='1'", "to-layer='5' to-port='9'", "ends in its input port 9, which does not exist"),
        ("<edge from-layer='11'", "<ridge from-layer='11'", "layer 'l12' (Result): nothing feeds its input port 0"),
        ("type='Result'", "type='ReLU'", "it has no Result layer"),
        ("type='Parameter'", "type='Const'", "layer 'l0' (Const): it has no 'offset'"),
        ("<dim>1</dim><dim>3</dim>", "<dim>1</dim><dim>0</dim>", "has the impossible shape [1, 0]"),
    ] {
        let error = said(from, to);
        assert!(error.contains(wanted), "{from} -> {to}: {error}");
    }
}

#[test]
fn shapes_that_the_layers_do_not_make_are_refused() {
    let (xml, bin) = small();
    let error =
        onnx_convert::openvino(xml.replace("<dim>1</dim><dim>3</dim>", "<dim>1</dim><dim>4</dim>").as_bytes(), &bin);
    let error = error.unwrap_err().to_string();
    assert_eq!(error, "layer 'l12' (Result): the file says [Some(1), Some(4)], its layers make [1, 3]");
}

#[test]
fn a_circle_is_refused() {
    let relu = |from: &'static [usize]| Layer("ReLU", "", from, &[1]);
    let layers = [Layer("Parameter", "", &[], &[1]), relu(&[2]), relu(&[1]), Layer("Result", "", &[2], &[])];
    let error = onnx_convert::openvino(xml(&layers).as_bytes(), &[]).unwrap_err().to_string();
    assert_eq!(error, "layer 'l1' (ReLU): it depends on its own output, in a cycle");
}

/// These files are made to exhaust time, stack or memory.
#[test]
fn hostile_files_are_refused() {
    let refused = |xml: &str| onnx_convert::openvino(xml.as_bytes(), &[0; 64]).unwrap_err();
    let deep = "<a>".repeat(1 << 20);
    refused(&deep);
    refused(&format!("<net name='n' version='11'>{deep}"));
    refused(&format!("<net name='n' version='11'><layers><layer id='0' name='a' type='b' version='c'>{deep}"));
    refused(
        "<!DOCTYPE n [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;'>]><net name='&b;' version='11'><layers/><edges/></net>",
    );
    refused("");
    refused("\0\0\0\0");
    assert!(onnx_convert::openvino(&vec![b' '; (1 << 25) + 1], &[]).is_err());
    // Very many layers read one constant, and each of them may get its own copy.
    let mut layers = vec![
        Layer("Parameter", "shape='65536' element_type='f32'", &[], &[65536]),
        Layer("Const", "element_type='f32' shape='65536' offset='0' size='262144'", &[], &[65536]),
    ];
    layers.extend((0..5000).map(|_| Layer("Add", "", &[0, 1], &[65536])));
    layers.push(Layer("Result", "", &[2], &[]));
    let error = onnx_convert::openvino(xml(&layers).as_bytes(), &vec![0; 262_144]).unwrap_err().to_string();
    assert!(error.ends_with("the constants take more than 268435456 bytes"), "{error}");
    layers[2] = Layer("Add", "", &[1, 1], &[65536]);
    let error = onnx_convert::openvino(xml(&layers).as_bytes(), &vec![0; 262_144]).unwrap_err().to_string();
    assert_eq!(error, "layer 'l2' (Add): both of its inputs are constant");
    layers[2] = Layer("ReLU", "", &[1], &[65536]);
    let error = onnx_convert::openvino(xml(&layers).as_bytes(), &vec![0; 262_144]).unwrap_err().to_string();
    assert_eq!(error, "layer 'l2' (ReLU): it works on a constant");
    let (layers, bin) = self::layers();
    let ports = "<port id='7'/>".repeat(100_000);
    let many = xml(&layers).replacen("<input>", &format!("<input>{ports}"), 1);
    let error = onnx_convert::openvino(many.as_bytes(), &bin).unwrap_err().to_string();
    assert_eq!(error, "layer 'l0' (Parameter): it has more than 16 ports");
}

#[test]
fn no_damage_to_the_bytes_panics() {
    let (xml, bin) = small();
    for at in 0..xml.len() {
        assert!(onnx_convert::openvino(&xml.as_bytes()[..at], &bin).is_err(), "cut at {at}");
        for change in [0x01, 0x02, 0x10, 0x80] {
            let mut damaged = xml.clone().into_bytes();
            damaged[at] ^= change;
            drop(onnx_convert::openvino(&damaged, &bin));
        }
    }
    for at in 0..bin.len() {
        assert!(onnx_convert::openvino(xml.as_bytes(), &bin[..at]).is_err(), "weights cut at {at}");
        let mut damaged = bin.clone();
        damaged[at] ^= 0xff;
        drop(onnx_convert::openvino(xml.as_bytes(), &damaged));
    }
}

#[test]
fn no_damage_to_a_published_file_panics() {
    let Some([xml, bin]) = conversion::retail() else { return };
    for part in 1..20 {
        assert!(onnx_convert::openvino(&xml[..xml.len() * part / 20], &bin).is_err());
        assert!(onnx_convert::openvino(&xml, &bin[..bin.len() - part * part]).is_err());
        let mut damaged = xml.clone();
        damaged[xml.len() * part / 20 + part] ^= 1 << (part % 8);
        drop(onnx_convert::openvino(&damaged, &bin));
    }
}
