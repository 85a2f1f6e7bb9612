//! Reads PyTorch files made here: state dictionaries are accepted, everything else in a pickle is refused.

use onnx_convert::Structure;
use testkit::shared;

use crate::conversion;

const MAGIC: &[u8] = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";
const VERSION: &[u8] = b"\x80\x02M\xe9\x03.";

fn text(text: &str) -> Vec<u8> {
    [b"X", &(text.len() as u32).to_le_bytes()[..], text.as_bytes()].concat()
}

fn pickle(body: &[u8]) -> Vec<u8> {
    [b"\x80\x02", body, b"."].concat()
}

fn system() -> Vec<u8> {
    pickle(&[b"}", &text("little_endian")[..], b"\x88s"].concat())
}

/// Makes an item of a dictionary: a tensor of shape `[2, 2]` with these strides, from `offset` on in storage "7", which
/// holds `stored` floats.
fn tensor(name: &str, stored: u8, offset: u8, strides: [u8; 2]) -> Vec<u8> {
    let storage = [&text("storage")[..], b"ctorch\nFloatStorage\n", &text("7"), &text("cpu"), &[b'K', stored], b"N"];
    let sizes = [b"(K\x02K\x02t", &[b'(', b'K', strides[0], b'K', strides[1], b't'][..]].concat();
    let call = [b"ctorch._utils\n_rebuild_tensor_v2\n((", &storage.concat()[..], b"tQK", &[offset], &sizes].concat();
    [&text(name)[..], &call, b"\x89ccollections\nOrderedDict\n)RtR"].concat()
}

/// Makes a file of one storage of four floats, around a dictionary of these items.
fn file(items: &[u8]) -> Vec<u8> {
    let dictionary = pickle(&[b"ccollections\nOrderedDict\n)R(", items, b"u"].concat());
    let keys = pickle(&[b"](", &text("7")[..], b"e"].concat());
    let values: Vec<u8> = [1.0f32, 2.0, 3.0, 4.0].into_iter().flat_map(f32::to_le_bytes).collect();
    [MAGIC, VERSION, &system(), &dictionary, &keys, &4u64.to_le_bytes(), &values].concat()
}

fn said(pth: &[u8]) -> String {
    onnx_convert::state_dict(pth, Structure::MiniFasNetV2).unwrap_err().to_string()
}

#[test]
fn a_dictionary_is_read() {
    let found = said(&file(&tensor("module.conv1.conv.weight", 4, 0, [2, 1])));
    assert_eq!(found, "tensor 'conv1.conv.weight': it is (Float, [2, 2]), not (Float, [32, 3, 3, 3])");
    let two = [tensor("module.a", 4, 0, [2, 1]), tensor("b", 4, 0, [2, 1])].concat();
    assert_eq!(said(&file(&two)), "tensor 'conv1.conv.weight': it is missing");
    let twice = [tensor("a", 4, 0, [2, 1]), tensor("a", 4, 0, [2, 1])].concat();
    assert_eq!(said(&file(&twice)), "tensor 'a': it is there twice");
}

#[test]
fn tensors_that_do_not_fit_are_named() {
    let said = |stored, offset, strides| said(&file(&tensor("a", stored, offset, strides)));
    assert_eq!(said(4, 1, [2, 1]), "tensor 'a': it does not lie within its storage");
    assert_eq!(said(4, 0, [1, 2]), "tensor 'a': shape [2, 2] with strides [1, 2] is not row by row");
    assert_eq!(said(5, 0, [2, 1]), "not a PyTorch state dictionary: storage '7' has another length than 5");
    let differing = [tensor("a", 4, 0, [2, 1]), tensor("b", 3, 0, [2, 1])].concat();
    assert!(self::said(&file(&differing)).ends_with("it describes storage '7' in two different ways"));
    let item = [&text("epoch")[..], b"K\x07"].concat();
    assert_eq!(
        self::said(&[MAGIC, VERSION, &system(), &pickle(&[b"}(", &item[..], b"u"].concat()), &pickle(b"]")].concat()),
        "tensor 'epoch': it is not a tensor"
    );
}

/// Everything that could run code is refused by name, in each of the pickles of a file.
#[test]
fn other_names_and_opcodes_are_refused() {
    let call = |module: &str, name: &str| [format!("c{module}\n{name}\n(").as_bytes(), &text("true"), b"tR"].concat();
    for (module, name) in
        [("os", "system"), ("posix", "system"), ("builtins", "eval"), ("torch", "load"), ("torch", "DoubleStorage")]
    {
        let body = pickle(&call(module, name));
        let good = [MAGIC.to_vec(), VERSION.to_vec(), system(), pickle(b"}"), pickle(b"]")];
        for at in 1..5 {
            let mut parts = good.clone();
            parts[at].clone_from(&body);
            let wanted = format!("not a PyTorch state dictionary: it names {module}.{name}, which is refused");
            assert_eq!(said(&parts.concat()), wanted, "pickle {at}");
        }
    }
    let before = |body: &[u8]| said(&[MAGIC, &pickle(body)[..]].concat());
    for (body, opcode) in [
        (&b"\x8c\x02os\x8c\x06system\x93"[..], "SHORT_BINUNICODE"),
        (b"NN\x93", "STACK_GLOBAL"),
        (b"(ios\nsystem\n", "INST"),
        (b"N)\x81", "NEWOBJ"),
        (b"(No", "OBJ"),
        (b"\x82\x01", "EXT1"),
        (b"Pid\n", "PERSID"),
        (b"N2", "DUP"),
    ] {
        let wanted = format!("not a PyTorch state dictionary: it uses the pickle opcode {opcode}, which is refused");
        assert_eq!(before(body), wanted);
    }
    assert!(before(b"\xee").ends_with("it uses the pickle opcode 0xee, which is unknown"));
    assert!(
        before(b"ccollections\nOrderedDict\n(K\x01tR")
            .ends_with("it calls OrderedDict with other arguments than known")
    );
    assert!(before(b"K\x01)R").ends_with("calls what cannot be called"));
    assert!(before(b"(tQ").ends_with("a reference in it is not to a storage of floats or integers"));
}

/// These pickles are made to exhaust time, stack or memory, or do not hold together.
#[test]
fn hostile_pickles_are_refused() {
    let refused = |body: &[u8]| said(&[MAGIC, &pickle(body)[..]].concat());
    let wide = |opcode: &[u8]| opcode.repeat(1 << 20);
    assert!(refused(&[b")", &wide(b"\x85")[..]].concat()).ends_with("it is of another version than 1001"));
    assert!(refused(&[b")q\x00", &wide(b"h\x00h\x00\x86q\x00")[..]].concat()).ends_with("leaves values behind"));
    assert!(refused(&[b"]q\x00", &wide(b"h\x00a")[..]].concat()).ends_with("it is of another version than 1001"));
    assert!(refused(&wide(b"(")).ends_with("takes a value that is not there"));
    for body in [
        &b"t"[..],
        b"\x86",
        b"R",
        b"Q",
        b"s",
        b"u",
        b"a",
        b"b",
        b"h\x05",
        b"q\x01",
        b"N(\x85",
        b"}(Nu",
        b"X\xff\xff\xff\xff",
    ] {
        assert!(refused(body).starts_with("not a PyTorch state dictionary: "));
    }
    assert!(refused(b"\x8a\xff").ends_with("it ends too soon"));
    assert!(refused(&[b"c", &wide(b"a")[..]].concat()).ends_with("a name in it has no end"));
    // A storage cannot have these lengths.
    for len in [u64::MAX, 1 << 62, 5] {
        let mut pth = file(&tensor("a", 4, 0, [2, 1]));
        let at = pth.len() - 24;
        pth[at..at + 8].copy_from_slice(&len.to_le_bytes());
        assert!(said(&pth).ends_with("storage '7' has another length than 4"));
    }
}

#[test]
fn other_files_are_refused() {
    assert_eq!(said(b""), "not a PyTorch state dictionary: it does not begin as one");
    assert!(said(b"PK\x03\x04 and so on").contains("it is a zip archive, the format since PyTorch 1.6"));
    let mut pth = file(&tensor("a", 4, 0, [2, 1]));
    for end in 0..pth.len() {
        assert!(said(&pth[..end]).starts_with("not a PyTorch state dictionary: "), "cut at {end}");
    }
    for at in 0..pth.len() {
        for change in [0x01, 0x10, 0x80, 0xff] {
            pth[at] ^= change;
            said(&pth);
            pth[at] ^= change;
        }
    }
    pth.push(0);
    assert_eq!(said(&pth), "not a PyTorch state dictionary: 1 bytes follow its last storage");
}

/// Replaces a text in the pickle of 67 kB by one of the same length.
fn renamed(pth: &[u8], from: &str, to: &str) -> Vec<u8> {
    let at = pth.windows(from.len()).position(|window| window == from.as_bytes()).unwrap();
    let mut renamed = pth.to_vec();
    renamed[at..at + to.len()].copy_from_slice(to.as_bytes());
    renamed
}

#[test]
fn a_published_dictionary_fits_its_structure_only() {
    let Some(pth) = shared::published(&format!("{}.pth", conversion::V2)) else { return };
    let wrong = onnx_convert::state_dict(&pth, Structure::MiniFasNetV1Se).unwrap_err().to_string();
    let wanted = "it is (Float, [13, 64, 1, 1]), not (Float, [26, 64, 1, 1])";
    assert_eq!(wrong, format!("tensor 'conv_3.model.1.conv.conv.weight': {wanted}"));
    let missing = said(&renamed(&pth, "module.prob.weight", "module.prob.weighs"));
    assert_eq!(missing, "tensor 'prob.weight': it is missing");
    let left = said(&renamed(&pth, "module.bn.num_batches_tracked", "module.bn.num_batches_missed_"));
    assert_eq!(left, "tensor 'bn.num_batches_missed_': the network does not use it");
}

#[test]
fn no_damage_to_a_published_dictionary_panics() {
    let Some(pth) = shared::published(&format!("{}.pth", conversion::V1_SE)) else { return };
    let structure = Structure::MiniFasNetV1Se;
    for part in 0..200 {
        assert!(onnx_convert::state_dict(&pth[..pth.len() * part / 200], structure).is_err());
        let mut damaged = pth.clone();
        damaged[75_000 * part / 200 + part % 7] ^= 1 << (part % 8);
        drop(onnx_convert::state_dict(&damaged, structure));
    }
}
