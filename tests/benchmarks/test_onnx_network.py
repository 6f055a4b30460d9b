"""The ONNX network computes the same logits as the shipped network."""

import numpy
import torch

from benchmarks.onnx_network import onnx_session
from model.artifact import SHIPPED, read_artifact
from model.inference import InferenceNetwork
from model.network import pad


def test_same_logits() -> None:
    weights = read_artifact(SHIPPED).weights
    torch.manual_seed(1)
    texts = [tuple(torch.randint(40_000, (length,)).tolist()) for length in (1, 2, 7, 30, 200)]
    numbers, lengths = pad(texts)
    inputs = {"numbers": numbers.numpy(), "lengths": lengths.numpy()}
    (logits,) = onnx_session(weights).run(None, inputs)
    assert numpy.abs(logits - InferenceNetwork(weights).logits(texts)).max() < 1e-4
