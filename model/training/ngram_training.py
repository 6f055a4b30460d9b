"""Learning the weights of n-grams: LinearSVC on all that occur twice, of which the weightiest are kept.

They learn from labels alone, at once and apart from the GRU: what teachers think is in the GRU already, and n-grams
that were told so too added less (docs/decisions/character-ngrams.md).
"""

from collections.abc import Sequence
from typing import Any

import numpy
from numpy.typing import NDArray

from liuyan.errors import UsageError
from model.evaluate import Floats, Truth
from model.ngrams import NONE, SIZES, KeyIndex, Keys, Ngrams, Spelled, spelled
from model.progress import Report

# Chosen on validation, with the GRU's logit beside it. Frequencies that are rare count more, as in TF-IDF; an eighth
# makes the numbers about 1, which is what the solver's own scale expects.
COST = 0.4
SCALE = 1 / 8
AT_LEAST = 2


def fit_ngrams(texts: Sequence[str], positive: Truth, weights: Floats, most: int, seed: int, report: Report) -> Ngrams:
    """At most ``most`` n-grams that tell positive ``texts`` (as ``spell_out`` gives them) from negative ones.

    ``weights`` (texts) are what each text counts. The n-grams' logits are margins: not yet weighed against those of
    anything else. Raises UsageError when all texts are positive or none is, or when scikit-learn is missing.
    """
    if not most:
        return NONE
    if len(set(positive.tolist())) < 2:
        raise UsageError("All labelled comments bear one label: n-grams need both, or --ngrams 0.")
    try:
        from scipy.sparse import diags_array
        from sklearn.svm import LinearSVC
    except ImportError as error:
        reason = "Learning n-grams needs scikit-learn: `pip install liuyan[training]`, or train with --ngrams 0."
        raise UsageError(reason) from error
    what = "learning n-grams"
    report(what, 0, 2)
    keys, features = _count(texts)
    report(what, 1, 2)
    if not len(keys):
        return NONE
    frequent = numpy.bincount(features.indices, minlength=len(keys))
    rarity = (SCALE * (numpy.log((1 + len(texts)) / (1 + frequent)) + 1)).astype(numpy.float32)
    model: Any = LinearSVC(C=COST, random_state=seed).fit(features @ diags_array(rarity), positive, weights)
    learnt = (model.coef_[0] * rarity).astype(numpy.float32)
    report(what, 2, 2)
    kept = numpy.sort(numpy.argsort(-numpy.abs(learnt), kind="stable")[:most])
    return Ngrams(keys[kept], learnt[kept])


def _count(texts: Sequence[str]) -> tuple[Keys, Any]:
    """Keys that occur ``AT_LEAST`` times, ascending, and a sparse matrix (texts, keys): how often each text has each,
    over the root of how many n-grams it has."""
    from scipy.sparse import csr_array, diags_array

    text = spelled(texts)
    found, rows = _occurrences(text)
    keys, times = numpy.unique(found, return_counts=True)
    keys = keys[times >= AT_LEAST]
    places = KeyIndex(keys).find(found)
    known = places >= 0
    ones = numpy.ones(int(known.sum()), numpy.float32)
    counted = csr_array((ones, (rows[known], places[known])), shape=(len(texts), len(keys)))
    root = numpy.sqrt(numpy.maximum(text.counts, 1)).astype(numpy.float32)
    return keys, (diags_array(1 / root) @ counted).tocsr()


def _occurrences(text: Spelled) -> tuple[Keys, NDArray[numpy.int32]]:
    """The key of every n-gram, and the row of the text that it stands in."""
    # scikit-learn takes sparse matrices with indices of 32 bits alone.
    rows = numpy.repeat(numpy.arange(len(text.ends), dtype=numpy.int32), text.lengths)
    keys, places = [], []
    for size in SIZES:
        begun, inside = text.keys(size)
        keys.append(begun[inside])
        places.append(rows[: len(begun)][inside])
    return numpy.concatenate(keys), numpy.concatenate(places)
