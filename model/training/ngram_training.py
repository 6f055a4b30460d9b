"""Train n-gram weights: LinearSVC on n-grams that occur at least twice; keep those with the largest weights.

N-grams are trained on labels only, separately from the GRU. The GRU already learns from the teachers; n-grams that also
learned from them improved the model less (docs/decisions/character-ngrams.md).
"""

from collections.abc import Sequence
from typing import Any

import numpy
from numpy.typing import NDArray

from liuyan.errors import UsageError
from liuyan.progress import Report
from model.evaluate import Floats, Truth
from model.ngrams import NONE, SIZES, Keys, KeyTable, Ngrams, Spelled, spelled

# Chosen on validation together with the GRU's logit. Rare n-grams count more, as in TF-IDF. SCALE brings the features
# close to 1, which the solver expects.
COST = 0.4
SCALE = 1 / 8
AT_LEAST = 2


def fit_ngrams(texts: Sequence[str], positive: Truth, weights: Floats, most: int, seed: int, report: Report) -> Ngrams:
    """Return at most ``most`` n-grams that separate positive from negative ``texts``, results of ``spell_out``.

    ``weights`` (texts) are weights of texts. The n-gram logits are margins that ``calibrate`` scales later. Raises
    UsageError when all texts have the same label or scikit-learn is missing.
    """
    if not most:
        return NONE
    if len(set(positive.tolist())) < 2:
        raise UsageError(
            "All comments have the same label. N-grams need both labels; train without them with --ngrams 0."
        )
    try:
        from scipy.sparse import diags_array
        from sklearn.svm import LinearSVC
    except ImportError as error:
        reason = "Training n-grams needs scikit-learn. Run `pip install liuyan[training]`, or train with --ngrams 0."
        raise UsageError(reason) from error
    what = "training n-grams"
    report(what, 0, 2)
    keys, features = _count(texts)
    report(what, 1, 2)
    if not len(keys):
        return NONE
    frequent = numpy.bincount(features.indices, minlength=len(keys))
    rarity = (SCALE * (numpy.log((1 + len(texts)) / (1 + frequent)) + 1)).astype(numpy.float32)
    model: Any = LinearSVC(C=COST, random_state=seed).fit(features @ diags_array(rarity), positive, weights)
    trained = (model.coef_[0] * rarity).astype(numpy.float32)
    report(what, 2, 2)
    kept = numpy.sort(numpy.argsort(-numpy.abs(trained), kind="stable")[:most])
    return Ngrams(keys[kept], trained[kept])


def _count(texts: Sequence[str]) -> tuple[Keys, Any]:
    """Return the keys that occur ``AT_LEAST`` times, ascending, and a sparse matrix of features (texts, keys).

    A feature is the count of an n-gram in a text over the square root of the number of n-grams in the text.
    """
    from scipy.sparse import csr_array, diags_array

    text = spelled(texts)
    found, rows = _occurrences(text)
    keys, times = numpy.unique(found, return_counts=True)
    keys = keys[times >= AT_LEAST]
    places = KeyTable(keys, numpy.arange(len(keys), dtype=numpy.int32), numpy.int32(-1)).find(found)
    known = places >= 0
    ones = numpy.ones(int(known.sum()), numpy.float32)
    counted = csr_array((ones, (rows[known], places[known])), shape=(len(texts), len(keys)))
    root = numpy.sqrt(numpy.maximum(text.counts, 1)).astype(numpy.float32)
    return keys, (diags_array(1 / root) @ counted).tocsr()


def _occurrences(text: Spelled) -> tuple[Keys, NDArray[numpy.int32]]:
    """Return the key of every n-gram and the row of its text."""
    # scikit-learn accepts only sparse matrices with 32-bit indices.
    rows = numpy.repeat(numpy.arange(len(text.ends), dtype=numpy.int32), text.lengths)
    keys, places = [], []
    for size in SIZES:
        all_keys, inside = text.keys(size)
        keys.append(all_keys[inside])
        places.append(rows[: len(all_keys)][inside])
    return numpy.concatenate(keys), numpy.concatenate(places)
