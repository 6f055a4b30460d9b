"""Build the network as an ONNX graph, to benchmark ONNX Runtime.

The graph consists of embedding, one bidirectional GRU node with text lengths, maximum and mean over the steps, and one
logit. The order of gates is update, reset, candidate in ONNX, and reset, update, candidate in PyTorch.
"""

from collections.abc import Mapping
from typing import Any

import numpy
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET = 17


def onnx_session(weights: Mapping[str, NDArray[numpy.float32]]) -> Any:
    """Return a single-threaded session: int64 ``numbers`` (texts, steps) and ``lengths`` (texts) to ``logits``."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(onnx_model(weights), options, providers=["CPUExecutionProvider"])


def onnx_model(weights: Mapping[str, NDArray[numpy.float32]]) -> bytes:
    """Return the network as an ONNX file; see ``onnx_session`` for inputs and outputs."""
    model: bytes = _model(weights).SerializeToString()
    return model


def _model(weights: Mapping[str, NDArray[numpy.float32]]) -> Any:
    hidden = weights["gru.weight_hh_l0"].shape[1]
    constants = {
        "embedding": weights["embedding.weight"],
        "input_weights": _both(weights, "weight_ih_l0"),
        "recurrent_weights": _both(weights, "weight_hh_l0"),
        "biases": numpy.concatenate([_both(weights, "bias_ih_l0"), _both(weights, "bias_hh_l0")], 1),
        "output": weights["output.weight"].T,
        "output_bias": weights["output.bias"],
        "nothing": numpy.array(0, numpy.int64),
        "one": numpy.array(1, numpy.int64),
        "lowest": numpy.array(-1, numpy.float32),
        "first_axis": numpy.array([0], numpy.int64),
        "second_axis": numpy.array([1], numpy.int64),
        "mask_axes": numpy.array([1, 3], numpy.int64),
        "row": numpy.array([0, 2 * hidden], numpy.int64),
        "flat": numpy.array([-1], numpy.int64),
    }
    inputs = [
        helper.make_tensor_value_info("numbers", TensorProto.INT64, ["texts", "steps"]),
        helper.make_tensor_value_info("lengths", TensorProto.INT64, ["texts"]),
    ]
    outputs = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["texts"])]
    initializers = [numpy_helper.from_array(numpy.ascontiguousarray(value), name) for name, value in constants.items()]
    graph = helper.make_graph(_nodes(hidden), "network", inputs, outputs, initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
    onnx.checker.check_model(model)
    return model


def _nodes(hidden: int) -> list[Any]:
    node = helper.make_node
    gru: dict[str, Any] = {"hidden_size": hidden, "direction": "bidirectional", "linear_before_reset": 1}
    return [
        node("Transpose", ["numbers"], ["by_step"], perm=[1, 0]),
        node("Gather", ["embedding", "by_step"], ["vectors"]),
        node("Cast", ["lengths"], ["ends"], to=TensorProto.INT32),
        # States (steps, directions, texts, hidden), 0 after a text's end.
        node("GRU", ["vectors", "input_weights", "recurrent_weights", "biases", "ends"], ["states"], **gru),
        node("Shape", ["by_step"], ["shape"]),
        node("Gather", ["shape", "nothing"], ["steps"]),
        node("Range", ["nothing", "steps", "one"], ["places"]),
        node("Unsqueeze", ["places", "second_axis"], ["places_down"]),
        node("Less", ["places_down", "lengths"], ["inside"]),
        node("Unsqueeze", ["inside", "mask_axes"], ["mask"]),
        node("Where", ["mask", "states", "lowest"], ["masked"]),
        node("ReduceMax", ["masked"], ["maximum"], axes=[0], keepdims=0),
        node("ReduceSum", ["states", "first_axis"], ["sum"], keepdims=0),
        node("Cast", ["lengths"], ["steps_of"], to=TensorProto.FLOAT),
        node("Unsqueeze", ["steps_of", "second_axis"], ["divisor"]),
        node("Div", ["sum", "divisor"], ["mean"]),
        *_row_of_both("maximum"),
        *_row_of_both("mean"),
        node("Concat", ["maximum_row", "mean_row"], ["pooled"], axis=1),
        node("Gemm", ["pooled", "output", "output_bias"], ["column"]),
        node("Reshape", ["column", "flat"], ["logits"]),
    ]


def _row_of_both(name: str) -> list[Any]:
    """Return nodes that convert (directions, texts, hidden) to (texts, directions * hidden)."""
    return [
        helper.make_node("Transpose", [name], [f"{name}_by_text"], perm=[1, 0, 2]),
        helper.make_node("Reshape", [f"{name}_by_text", "row"], [f"{name}_row"]),
    ]


def _both(weights: Mapping[str, NDArray[numpy.float32]], name: str) -> NDArray[numpy.float32]:
    """Stack both directions, with gates in ONNX's order."""
    return numpy.stack([_reorder(weights[f"gru.{name}{suffix}"]) for suffix in ("", "_reverse")])


def _reorder(gates: NDArray[numpy.float32]) -> NDArray[numpy.float32]:
    reset, update, candidate = numpy.split(gates, 3)
    return numpy.concatenate([update, reset, candidate])
