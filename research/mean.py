"""Several networks as one: the mean of their weights, where one began with another or all with the same.

After Wortsman et al. 2022, "Model soups" (arXiv 2203.05482) and "Robust fine-tuning" (arXiv 2109.01903): between a
network and what came of it when it learnt more there lie networks that are better than both, the more so on comments
of another kind. Networks that began apart have no mean that is of any use.
"""

from collections.abc import Sequence
from dataclasses import replace

from liuyan.errors import UsageError
from model.artifact import Artifact
from model.ngrams import NONE


def mean(artifacts: Sequence[Artifact]) -> Artifact:
    """The first of ``artifacts`` with the mean weights of all their networks; one alone stays as it is.

    Its ``sha256`` names them all, and it has no n-grams, which belong to one network's logits. Raises UsageError when
    their words or widths differ.
    """
    first, *others = artifacts
    if not others:
        return first
    for other in others:
        if other.words != first.words or other.configuration.sizes != first.configuration.sizes:
            raise UsageError(
                f"The artifacts {first.sha256[:12]} and {other.sha256[:12]} have no mean, since their words or widths "
                "differ: name artifacts of which one began with another."
            )
    weights = {name: sum(one.weights[name] for one in artifacts) / len(artifacts) for name in first.weights}
    return replace(first, weights=weights, ngrams=NONE, sha256="+".join(one.sha256 for one in artifacts))
