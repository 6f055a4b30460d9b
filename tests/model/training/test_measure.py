"""Calibration uses labels instead of the soft targets of training."""

import numpy
import pytest
import torch

from model.inference import InferenceNetwork
from model.network import Network, Shape
from model.ngrams import NONE
from model.training.examples import Examples
from model.training.measure import calibrate
from model.training.options import Options

pytestmark = pytest.mark.trains


def test_probabilities_are_calibrated_to_labels() -> None:
    torch.manual_seed(5)
    network = Network(Shape(50, 6, 5))
    texts = [tuple(torch.randint(50, (5,)).tolist()) for _ in range(300)]
    logits = torch.from_numpy(InferenceNetwork(network.stored_weights()).logits(texts))
    positive = (logits + 0.3 * torch.randn(300) > logits.median()).numpy()
    four_stars = torch.from_numpy(numpy.where(positive, 0.9, 0.0)).float()
    weights = torch.ones(300)
    examples = Examples([""] * 300, texts, [""] * 300, four_stars, weights, positive, ["shop"] * 300, torch.zeros(300))
    configuration, _ = calibrate(network, NONE, examples, Options(embedding=6, hidden=5))
    probabilities = torch.sigmoid(configuration.scale * logits + configuration.shift)
    assert float(probabilities.mean()) == pytest.approx(positive.mean(), abs=0.005)
