"""Writes small networks, inputs for them, and what onnxruntime makes of those, into the folder given.

A case is NAME.onnx, NAME.in and NAME.out: raw floats, all tensors one after the other. Together the cases cover every
operator that is read, in the shapes and options where kernels differ: odd channels, tails, groups, borders.
"""
import pathlib
import sys

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

FOLDER = pathlib.Path(sys.argv[1])
RANDOM = np.random.default_rng(1)


def normal(*shape):
    return RANDOM.standard_normal(shape).astype(np.float32)


def ints(*values):
    return np.array(values, np.int64)


def case(name, inputs, nodes, constants=None, outputs=("y",), opset=13):
    """One network. `inputs`: shape by name. `nodes`: operator, "inputs", "outputs", attributes."""
    made = [
        helper.make_node(op, sources.split(","), results.split(","), name=f"{name}_{index}", **attributes)
        for index, (op, sources, results, attributes) in enumerate(nodes)
    ]
    tensors = [numpy_helper.from_array(np.asarray(value), key) for key, value in (constants or {}).items()]
    floats = lambda key, shape: helper.make_tensor_value_info(key, TensorProto.FLOAT, shape)
    ports = [floats(key, shape) for key, shape in inputs.items()]
    graph = helper.make_graph(made, name, ports, [floats(key, None) for key in outputs], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    path = FOLDER / f"{name}.onnx"
    onnx.save(model, path)
    feeds = {key: normal(*shape) for key, shape in inputs.items()}
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    save(path.with_suffix(".in"), feeds.values())
    save(path.with_suffix(".out"), session.run(None, feeds))


def save(path, tensors):
    np.concatenate([tensor.ravel() for tensor in tensors]).astype(np.float32).tofile(path)


def conv(name, channels_in, channels_out, kernel, size=(9, 11), group=1, batch=1, **attributes):
    weight = normal(channels_out, channels_in // group, kernel, kernel)
    case(
        name,
        {"x": [batch, channels_in, *size]},
        [("Conv", "x,w,b", "y", {"group": group, **attributes})],
        {"w": weight, "b": normal(channels_out)},
    )


def convolutions():
    around = {"pads": [1, 1, 1, 1]}
    conv("conv_point", 13, 33, 1)
    conv("conv_wide", 48, 80, 3, **around)
    conv("conv_stem", 3, 16, 3, size=(16, 16), strides=[2, 2], **around)
    conv("conv_batch", 5, 7, 3, batch=3, **around)
    conv("conv_uneven", 4, 5, 3, strides=[2, 1], pads=[0, 1, 2, 0], dilations=[2, 1])
    conv("conv_same_upper", 4, 6, 3, size=(8, 8), strides=[2, 2], auto_pad="SAME_UPPER")
    conv("conv_same_lower", 4, 6, 4, size=(9, 9), strides=[2, 2], auto_pad="SAME_LOWER")
    conv("conv_channelwise", 37, 37, 3, group=37, strides=[2, 2], **around)
    conv("conv_channelwise_plane", 70, 70, 7, size=(7, 7), group=70)
    conv("conv_groups_aligned", 64, 96, 3, group=2, **around)
    conv("conv_groups_odd", 12, 9, 3, group=3, **around)
    conv("conv_multiplier", 6, 12, 3, group=6, **around)
    conv("conv_one_pixel", 19, 21, 1, size=(1, 1))
    # Neighbouring pixels share columns; channels fill long vectors, short ones, or both.
    for width in range(1, 18):
        conv(f"conv_channelwise_row_{width}", 24, 24, 3, size=(3, width), group=24, batch=2, **around)
    for channels in 8, 12, 16, 40, 56:
        conv(f"conv_channelwise_{channels}", channels, channels, 3, group=channels, **around)
        conv(f"conv_into_{channels}", 5, channels, 3, **around)
    conv("conv_channelwise_apart", 8, 8, 3, group=8, dilations=[1, 2], **around)
    conv("conv_channelwise_tall", 8, 8, 3, group=8, strides=[2, 1], **around)
    for pixels in range(1, 31):
        conv(f"conv_tail_{pixels}", 3, 5, 1, size=(1, pixels))
    halved = {"strides": [2, 2], "pads": [0, 0, 1, 1]}
    case(
        "conv_half_weights",
        {"x": [1, 3, 6, 6]},
        [("Cast", "h", "w", {"to": TensorProto.FLOAT}), ("Conv", "x,w,b", "y", halved)],
        {"h": normal(5, 3, 3, 3).astype(np.float16), "b": normal(5)},
    )
    case("conv_no_bias", {"x": [1, 3, 5, 5]}, [("Conv", "x,w", "y", {})], {"w": normal(4, 3, 3, 3)})


def normalisations():
    norm = {"g": normal(8), "h": normal(8), "m": normal(8), "v": np.abs(normal(8)) + 0.5}
    batch_norm = lambda source, result: ("BatchNormalization", f"{source},g,h,m,v", result, {})
    point = ("Conv", "x,w", "c", {})
    case("norm_alone", {"x": [2, 8, 3, 5]}, [batch_norm("x", "y")], norm)
    case("norm_folded", {"x": [1, 3, 6, 6]}, [point, batch_norm("c", "y")], {"w": normal(8, 3, 3, 3), **norm})
    case(
        "norm_before",
        {"x": [1, 8, 6, 6]},
        [batch_norm("x", "n"), ("Conv", "n,w", "y", {"pads": [1, 1, 1, 1]})],
        {"w": normal(4, 8, 3, 3), **norm},
    )
    case(
        "norm_shared",
        {"x": [1, 3, 6, 6]},
        [point, batch_norm("c", "n"), ("Add", "c,n", "y", {})],
        {"w": normal(8, 3, 1, 1), **norm},
    )
    case("norm_dense", {"x": [2, 5]}, [("MatMul", "x,w", "c", {}), batch_norm("c", "y")], {"w": normal(5, 8), **norm})


def fusions():
    """Nodes that follow a layer and may be fused into it."""
    point = ("Conv", "x,w", "c", {})
    square = {"x": [1, 6, 4, 4]}
    case(
        "residual_relu",
        {"x": [1, 20, 5, 7]},
        [point, ("Conv", "x,u", "d", {}), ("Add", "d,c", "a", {}), ("Relu", "a", "y", {})],
        {"w": normal(20, 20, 1, 1), "u": normal(20, 20, 1, 1)},
    )
    case("residual_input", square, [point, ("Add", "x,c", "y", {})], {"w": normal(6, 6, 1, 1)})
    pool = ("MaxPool", "x", "m", {"kernel_shape": [1, 1]})
    case("residual_later", square, [point, pool, ("Add", "m,c", "y", {})], {"w": normal(6, 6, 1, 1)})
    case("residual_self", square, [point, ("Add", "c,c", "y", {})], {"w": normal(6, 6, 1, 1)})
    case("output_in_the_middle", square, [point, ("Relu", "c", "y", {})], {"w": normal(6, 6, 1, 1)}, outputs=("c", "y"))
    picture = {"x": [1, 3, 6, 6]}
    slope = {"w": normal(21, 3, 3, 3), "s": normal(21, 1, 1)}
    case("prelu_fused", picture, [point, ("PRelu", "c,s", "y", {})], slope)
    case("prelu_alone", {"x": [1, 5, 3, 3]}, [("PRelu", "x,s", "y", {})], {"s": normal(5, 1, 1)})
    case("prelu_scalar", {"x": [1, 5, 3, 3]}, [("PRelu", "x,s", "y", {})], {"s": normal(1)})
    dense = [("Gemm", "x,w", "c", {}), ("PRelu", "c,s", "y", {})]
    case("prelu_dense", {"x": [2, 5]}, dense, {"w": normal(5, 9), "s": normal(9)})
    bounds = {"w": normal(9, 3, 3, 3), "lo": np.float32(-0.5), "hi": np.float32(0.7)}
    case("clip_fused", picture, [point, ("Clip", "c,lo,hi", "y", {})], bounds)
    case("clip_attributes", {"x": [3, 4]}, [("Clip", "x", "y", {"min": -0.1, "max": 0.2})], opset=10)


def elementwise():
    for op in "Relu LeakyRelu Sigmoid HardSigmoid HardSwish Tanh Exp Abs Neg".split():
        case(f"unary_{op}", {"x": [1, 5, 3, 7]}, [(op, "x", "y", {})], opset=14)
    case("unary_Sqrt", {"x": [4, 5]}, [("Abs", "x", "a", {}), ("Sqrt", "a", "y", {})])
    for op in "Add Sub Mul Div Max Min".split():
        case(f"binary_{op}", {"x": [2, 5, 3, 7], "z": [2, 5, 3, 7]}, [(op, "x,z", "y", {})])
        case(f"constant_{op}", {"x": [1, 5, 3, 3]}, [(op, "x,c", "y", {})], {"c": normal(5, 1, 1)})
        case(f"constant_first_{op}", {"x": [1, 5, 3, 3]}, [(op, "c,x", "y", {})], {"c": normal(1)})
    case("binary_Pow", {"x": [3, 4]}, [("Abs", "x", "a", {}), ("Pow", "a,c", "y", {})], {"c": np.float32(1.5)})
    case("broadcast_gate", {"x": [1, 20, 4, 6], "g": [1, 20, 1, 1]}, [("Mul", "x,g", "y", {})])
    case("broadcast_row", {"x": [2, 3, 4, 6]}, [("Add", "x,c", "y", {})], {"c": normal(6)})
    case("broadcast_rank", {"x": [4, 1], "z": [2, 3, 1, 5]}, [("Sub", "x,z", "y", {})])


def dense_layers():
    scaled = {"alpha": 0.5, "beta": 2.0, "transB": 1}
    case("gemm", {"x": [3, 7]}, [("Gemm", "x,w,b", "y", scaled)], {"w": normal(10, 7), "b": normal(10)})
    rectified = [("Gemm", "x,w,b", "c", {}), ("Relu", "c", "y", {})]
    case("gemm_relu", {"x": [1, 7]}, rectified, {"w": normal(7, 10), "b": normal(1)})
    case(
        "matmul_rank3",
        {"x": [2, 3, 7]},
        [("MatMul", "x,w", "c", {}), ("Add", "c,b", "a", {}), ("Relu", "a", "y", {})],
        {"w": normal(7, 10), "b": normal(10)},
    )
    case(
        "dense_after_conv",
        {"x": [2, 3, 6, 6]},
        [("Conv", "x,w", "c", {}), ("Flatten", "c", "f", {}), ("Gemm", "f,u,b", "y", {})],
        {"w": normal(5, 3, 3, 3), "u": normal(80, 4), "b": normal(4)},
    )


def pools_and_reductions():
    picture = {"x": [1, 5, 9, 8]}
    halved = {"kernel_shape": [3, 3], "strides": [2, 2]}
    padded = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}
    case("pool_max", picture, [("MaxPool", "x", "y", {"kernel_shape": [2, 2], "strides": [2, 2]})])
    case("pool_max_padded", picture, [("MaxPool", "x", "y", {**halved, "pads": [1, 1, 1, 1]})])
    case("pool_max_uneven", picture, [("MaxPool", "x", "y", {**halved, "pads": [0, 0, 1, 1]})])
    case("pool_max_ceil", picture, [("MaxPool", "x", "y", {**halved, "ceil_mode": 1})])
    case("pool_average", picture, [("AveragePool", "x", "y", padded)])
    case("pool_average_padding", picture, [("AveragePool", "x", "y", {**padded, "count_include_pad": 1})])
    case("pool_global", {"x": [2, 21, 5, 4]}, [("GlobalAveragePool", "x", "y", {})])
    case("pool_global_max", {"x": [2, 5, 5, 4]}, [("GlobalMaxPool", "x", "y", {})])
    for op in "ReduceMean ReduceMax ReduceMin ReduceL2".split():
        case(f"{op}_planes", {"x": [2, 5, 3, 4]}, [(op, "x", "y", {"axes": [2, 3], "keepdims": 0})], opset=12)
        case(f"{op}_channels", {"x": [2, 5, 3, 4]}, [(op, "x", "y", {"axes": [-3]})], opset=12)
    case("ReduceSum_input", {"x": [2, 5]}, [("ReduceSum", "x,a", "y", {})], {"a": ints(1)})
    case("normalise", {"x": [2, 9]}, [("ReduceL2", "x", "n", {"axes": [1]}), ("Div", "x,n", "y", {})])
    case("softmax", {"x": [2, 9]}, [("Softmax", "x", "y", {"axis": 1})])
    case("softmax_channels", {"x": [1, 5, 3, 4]}, [("Softmax", "x", "y", {"axis": 1})])


def shapes():
    channels_last = ("Transpose", "x", "t", {"perm": [0, 2, 3, 1]})
    case("transpose_reshape", {"x": [1, 5, 3, 4]}, [channels_last, ("Reshape", "t,s", "y", {})], {"s": ints(1, -1, 5)})
    case("reshape_zero", {"x": [2, 6, 4]}, [("Reshape", "x,s", "y", {})], {"s": ints(0, 3, -1)})
    case(
        "reshape_rows",
        {"x": [2, 12, 3, 4]},
        [channels_last, ("Reshape", "t,s", "a", {}), ("Concat", "a,a", "y", {"axis": 1})],
        {"s": ints(0, -1, 6)},
    )
    case(
        "squeeze",
        {"x": [1, 5, 1, 1]},
        [("Squeeze", "x,a", "s", {}), ("Unsqueeze", "s,b", "y", {})],
        {"a": ints(2, 3), "b": ints(0)},
    )
    case(
        "shape_arithmetic",
        {"x": [2, 6, 4, 4]},
        [
            ("Shape", "x", "s", {}),
            ("Gather", "s,i", "n", {}),
            ("Unsqueeze", "n,z", "u", {}),
            ("Concat", "u,m", "r", {"axis": 0}),
            ("Reshape", "x,r", "y", {}),
        ],
        {"i": np.int64(0), "z": ints(0), "m": ints(-1)},
    )
    case("dropout", {"x": [2, 3]}, [("Identity", "x", "i", {}), ("Dropout", "i", "y", {})])


def movements():
    case("concat_channels", {"x": [1, 5, 3, 4], "z": [1, 18, 3, 4]}, [("Concat", "x,z", "y", {"axis": 1})])
    case("concat_rows", {"x": [2, 3], "z": [2, 3]}, [("Concat", "x,z", "y", {"axis": -1})])
    case(
        "slice",
        {"x": [1, 6, 7, 8]},
        [("Slice", "x,s,e,a,t", "y", {})],
        {"s": ints(1, -5), "e": ints(5, np.iinfo(np.int64).max), "a": ints(1, 3), "t": ints(1, 2)},
    )
    case(
        "slice_then_conv",
        {"x": [1, 6, 7, 8]},
        [("Slice", "x,s,e,a", "c", {}), ("Conv", "c,w", "y", {})],
        {"s": ints(2, 1), "e": ints(6, 7), "a": ints(1, 2), "w": normal(5, 4, 3, 3)},
    )
    halves = [("Split", "x,s", "a,b", {"axis": 1}), ("Mul", "a,b", "y", {})]
    case("split", {"x": [1, 6, 4, 4]}, halves, {"s": ints(3, 3)})
    margins = {"p": ints(0, 0, 1, 2, 0, 1, 0, 3), "v": np.float32(2)}
    case("pad", {"x": [1, 3, 4, 5]}, [("Pad", "x,p,v", "y", {})], margins)
    case("pad_channels", {"x": [1, 3, 4, 5]}, [("Pad", "x,p", "y", {})], {"p": ints(0, 0, 0, 0, 0, 5, 1, 1)})


def resizes():
    place = "coordinate_transformation_mode"
    modes = {
        "nearest_floor": {"nearest_mode": "floor", place: "asymmetric"},
        "nearest_half": {},
        "linear_half": {"mode": "linear"},
        "linear_corners": {"mode": "linear", place: "align_corners"},
        "linear_pytorch": {"mode": "linear", place: "pytorch_half_pixel"},
    }
    picture = {"x": [1, 5, 4, 6]}
    for name, options in modes.items():
        options = {"mode": "nearest", **options}
        case(f"resize_{name}", picture, [("Resize", "x,,s", "y", options)], {"s": np.float32([1, 1, 2, 2])})
        case(f"resize_sizes_{name}", picture, [("Resize", "x,,,s", "y", options)], {"s": ints(1, 5, 7, 5)})
    nearest = [("Upsample", "x,s", "y", {"mode": "nearest"})]
    case("upsample", {"x": [1, 3, 2, 3]}, nearest, {"s": np.float32([1, 1, 2, 3])}, opset=9)


def samples():
    """Images that are sampled at the points of a grid, and parts of axes."""
    for border in ("border", "zeros"):
        for align in (0, 1):
            case(
                f"grid_sample_{border}_{align}",
                {"x": [2, 5, 6, 7], "g": [2, 3, 4, 2]},
                [("GridSample", "x,g", "y", {"mode": "bilinear", "padding_mode": border, "align_corners": align})],
                opset=16,
            )
    case("grid_sample_after_layer", {"x": [1, 3, 6, 6], "g": [1, 2, 2, 2]},
         [("Conv", "x,w", "c", {}), ("GridSample", "c,g", "y", {"mode": "bilinear"})], {"w": normal(20, 3, 1, 1)}, opset=16)  # fmt: skip
    case("gather_rows", {"x": [1, 9, 3]}, [("Gather", "x,i", "y", {"axis": 1})], {"i": ints(4, 5, 6, 0, -1, 4)})
    case("gather_columns", {"x": [2, 3, 5]}, [("Gather", "x,i", "y", {"axis": -1})], {"i": ints(3, 1)})
    case("gather_channels", {"x": [1, 9, 3, 4]}, [("Gather", "x,i", "y", {"axis": 1})], {"i": ints(8, 0, 1)})
    case("gather_one", {"x": [2, 3, 5]}, [("Gather", "x,i", "y", {"axis": 1})], {"i": np.array(2, np.int64)})


convolutions()
normalisations()
fusions()
elementwise()
dense_layers()
pools_and_reductions()
shapes()
movements()
resizes()
samples()
