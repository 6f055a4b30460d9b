"""Average the weights of several networks that were trained from each other or from the same network.

After Wortsman et al. 2022, "Model soups" (arXiv 2203.05482) and "Robust fine-tuning" (arXiv 2109.01903): networks
between an initial network and its fine-tuned version are often better than both, above all on other kinds of comments.
The mean of networks with different random initialisations is useless.
"""

from collections.abc import Sequence
from dataclasses import replace

from liuyan.errors import UsageError
from model.artifact import Artifact
from model.ngrams import NONE


def mean(artifacts: Sequence[Artifact]) -> Artifact:
    """Return the first of ``artifacts`` with the mean weights of all. A single artifact is returned unchanged.

    The ``sha256`` of the mean names all of them. It has no n-grams, because those belong to the logits of one network.
    Raises UsageError when words or widths differ.
    """
    first, *others = artifacts
    if not others:
        return first
    for other in others:
        if other.words != first.words or other.configuration.sizes != first.configuration.sizes:
            raise UsageError(
                f"The artifacts {first.sha256[:12]} and {other.sha256[:12]} have different words or widths. "
                "Name artifacts that were trained from each other."
            )
    weights = {name: sum(one.weights[name] for one in artifacts) / len(artifacts) for name in first.weights}
    return replace(first, weights=weights, ngrams=NONE, sha256="+".join(one.sha256 for one in artifacts))
