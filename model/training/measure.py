"""Validate a network during training; calibrate and measure it afterwards."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import numpy
import torch
from torch import Tensor

from model.artifact import Configuration
from model.evaluate import Floats, score, score_band, uncertain_band, within
from model.inference import InferenceNetwork
from model.network import Network
from model.ngrams import Ngrams, NgramTable
from model.quantized import pack, unpack
from model.training.data import Part
from model.training.examples import Examples, weighted_loss
from model.training.options import Options


def validate(network: Network, validation: Examples) -> tuple[float, float]:
    """Return weighted cross-entropy and weighted accuracy."""
    logits = torch.from_numpy(InferenceNetwork(network.stored_weights()).logits(validation.texts))
    correct = (logits >= 0).numpy() == validation.positive
    accuracy = float(numpy.average(correct, weights=validation.weights.numpy()))
    return float(weighted_loss(logits, validation, range(len(logits)))), accuracy


def calibrate(network: Network, ngrams: Ngrams, validation: Examples, options: Options) -> tuple[Configuration, Ngrams]:
    """Fit Platt scaling on validation, with separate scales for network and n-grams, and the uncertain band.

    Return the configuration, and the n-grams in units of the network's logit. The fit uses labels instead of soft
    targets (0.9 for four stars), because the probability is that of the label.
    """
    logits = torch.from_numpy(InferenceNetwork(network.stored_weights()).logits(validation.texts))
    margins = torch.from_numpy(NgramTable(ngrams).logits(validation.characters))
    labelled = replace(validation, targets=torch.from_numpy(validation.positive.astype(numpy.float32)))
    line = torch.tensor([1.0, 1.0, 0.0], requires_grad=True)
    optimiser = torch.optim.LBFGS([line], max_iter=100)

    def both() -> Tensor:
        return line[0] * logits + line[1] * margins + line[2]

    def closure() -> Tensor:
        optimiser.zero_grad()
        loss = weighted_loss(both(), labelled, range(len(logits)))
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimiser.step(closure)  # type: ignore[no-untyped-call]
    scale, ngrams_scale, shift = line.tolist()
    low, high = uncertain_band(_sigmoid(both().detach()), options.uncertain_share)
    configuration = Configuration(
        options.name,
        {"embedding": options.embedding, "hidden": options.hidden},
        options.maximum_tokens,
        scale,
        shift,
        low,
        high,
    )
    return configuration, ngrams.scaled(ngrams_scale / scale)


def measure(
    network: Network, ngrams: Ngrams, configuration: Configuration, parts: Mapping[Part, Examples]
) -> dict[str, Any]:
    """Score the quantized model on validation and test, pooled and by source.

    ``neutral`` is the share of texts without sentiment inside the uncertain band; it is left out if there are none.
    """
    weights, stored = unpack(pack(network.stored_weights(), ngrams))
    inference, table = InferenceNetwork(weights), NgramTable(stored)

    def probabilities(examples: Examples) -> Floats:
        logits = torch.from_numpy(inference.logits(examples.texts) + table.logits(examples.characters))
        return _sigmoid(configuration.scale * logits + configuration.shift)

    metrics: dict[str, dict[str, object]] = {}
    held: tuple[Part, ...] = ("validation", "test")
    for part in held:
        examples, neutral = parts[part].labelled, parts[part].neutral
        guess = probabilities(examples)
        sources = numpy.array(examples.sources)
        band = score_band(guess, examples.positive, configuration.uncertain_low, configuration.uncertain_high)
        metrics[part] = {
            "pooled": asdict(score(guess, examples.positive)),
            "band": asdict(band),
            "sources": {
                source: asdict(score(guess[sources == source], examples.positive[sources == source]))
                for source in sorted(set(examples.sources))
            },
        }
        if neutral.texts:
            inside = within(probabilities(neutral), configuration.uncertain_low, configuration.uncertain_high)
            metrics[part] |= {"neutral": {"n": len(inside), "share": float(inside.mean())}}
    return metrics


def count(parts: Mapping[Part, Examples]) -> dict[str, dict[str, int]]:
    """Return the number of rows by part and source."""
    return {
        part: {source: examples.sources.count(source) for source in sorted(set(examples.sources))}
        for part, examples in parts.items()
    }


def _sigmoid(logits: Tensor) -> Floats:
    return logits.double().sigmoid().numpy()
