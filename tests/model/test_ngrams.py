"""Character n-grams: keys, logits and training."""

import math
import sys
from collections.abc import Callable, Sequence

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

import model.ngrams
from liuyan.errors import UsageError
from model.kernel import CompiledNgrams
from model.ngrams import NONE, SIZES, KeyTable, Ngrams, NgramTable, NumpyNgrams, spell_out, spelled
from model.training.ngram_training import fit_ngrams
from tests.model.reports import silent

Make = Callable[[dict[str, float]], NgramTable | NumpyNgrams]
GOOD = ["很好吃", "真的很好", "好吃又便宜", "很好很好"] * 5
BAD = ["很难吃", "真的很差", "难吃又昂贵", "很差很差"] * 5


def ngrams_of(text: str) -> list[str]:
    return [text[start : start + size] for size in SIZES for start in range(len(text) - size + 1)]


def key_of(ngram: str) -> int:
    keys, inside = spelled([ngram]).keys(len(ngram))
    assert inside.tolist() == [True]
    return int(keys[0])


def ngrams_with(weights: dict[str, float]) -> Ngrams:
    by_key = sorted((key_of(ngram), weight) for ngram, weight in weights.items())
    keys, values = zip(*by_key, strict=True)
    return Ngrams(numpy.array(keys, numpy.int32), numpy.array(values, numpy.float32))


def table(weights: dict[str, float]) -> NgramTable:
    return NgramTable(ngrams_with(weights))


def numpy_table(weights: dict[str, float]) -> NumpyNgrams:
    ngrams = ngrams_with(weights)
    return NumpyNgrams(KeyTable(ngrams.keys, ngrams.weights, numpy.float32(0)))


# The compiled code and NumPy.
both = pytest.mark.parametrize("make", [table, numpy_table])


def fit(
    texts: Sequence[str], positive: Sequence[bool], most: int = 1_000, weights: Sequence[float] | None = None
) -> Ngrams:
    return fit_ngrams(texts, numpy.array(positive), numpy.array(weights or [1.0] * len(texts)), most, 1, silent)


def test_the_compiled_code_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(NgramTable(NONE)._weights, CompiledNgrams)
    monkeypatch.setattr(model.ngrams, "load_kernel", lambda: None)
    assert isinstance(NgramTable(NONE)._weights, NumpyNgrams)


@both
def test_logit_is_the_weight_sum_over_the_root_of_the_count(make: Make) -> None:
    ngrams = make({"好吃": 2.0, "不好吃": -5.0})
    logits = ngrams.logits(["不好吃", "好吃", "好", "", "不好", "吃不好吃"])
    assert logits.tolist() == pytest.approx([-3 / math.sqrt(3), 2.0, 0, 0, 0, -3 / math.sqrt(5)])


@both
def test_n_grams_do_not_cross_texts(make: Make) -> None:
    ngrams = make({"好吃": 2.0, "很好吃": 3.0})
    assert ngrams.logits(["很好", "吃"]).tolist() == [0, 0]
    assert ngrams.logits(["很", "好吃"]).tolist() == [0, 2]


@given(st.lists(st.text(alphabet="好吃很难a😀\ud800\U0010ffff", max_size=6), max_size=6))
def test_logits_equal_a_simple_implementation(texts: list[str]) -> None:
    weights = {"好吃": 1.5, "很难": -2.5, "a😀": 0.5, "难吃很": 4.0, "\U0010ffff好": 7.0}
    expected = [
        sum(weights.get(ngram, 0.0) for ngram in ngrams_of(text)) / math.sqrt(max(len(ngrams_of(text)), 1))
        for text in texts
    ]
    for ngrams in (table(weights), numpy_table(weights)):
        assert ngrams.logits(texts).tolist() == pytest.approx(expected, abs=1e-5)


def test_compiled_code_equals_numpy() -> None:
    """With tables of any size, long texts and many n-grams that are known."""
    generator = numpy.random.default_rng(2)
    characters = [chr(code) for code in range(0x4E00, 0x4E00 + 60)]
    texts = ["".join(generator.choice(characters, length)) for length in [*range(200), 1_000]]
    known = sorted({key_of(ngram) for text in texts[::3] for ngram in ngrams_of(text)})
    for size in (0, 1, 30, len(known)):
        keys = numpy.array(known[:size], numpy.int32)
        ngrams = Ngrams(keys, generator.normal(size=size).astype(numpy.float32))
        expected = NumpyNgrams(KeyTable(keys, ngrams.weights, numpy.float32(0))).logits(texts)
        numpy.testing.assert_allclose(NgramTable(ngrams).logits(texts), expected, rtol=0, atol=1e-6)


def test_keys_of_different_n_grams_differ() -> None:
    ngrams = {first + second + third for first in "好吃很难不a" for second in "好吃很难不b" for third in ["", *"好c"]}
    assert len({key_of(ngram) for ngram in ngrams}) == len(ngrams)


def test_spell_out_drops_whitespace_and_shortens() -> None:
    assert spell_out(["很", " ", "好吃", "\n"], 10) == "很好吃"
    assert spell_out(["一二三", "四五六"], 4) == "一二五六"


def test_logits_without_n_grams_are_zero() -> None:
    assert numpy_table({"很好": 1.0}).logits([]).tolist() == []
    assert NgramTable(NONE).logits(["很好", ""]).tolist() == [0, 0]
    assert NgramTable(NONE).logits([]).tolist() == []
    assert table({"很好": 1.0}).logits([]).tolist() == []


def test_scaled() -> None:
    assert NgramTable(ngrams_with({"很好": 1.5}).scaled(2.0)).logits(["很好"]).tolist() == [3]


def position_table(keys: NDArray[numpy.int32]) -> KeyTable[numpy.int32]:
    return KeyTable(keys, numpy.arange(len(keys), dtype=numpy.int32), numpy.int32(-1))


def test_key_table_finds_values() -> None:
    generator = numpy.random.default_rng(1)
    lowest, highest = -(2**31), 2**31 - 1
    crowded = numpy.arange(-20, 20) * 7  # all in two buckets
    some = generator.integers(lowest, highest, 5_000, endpoint=True)
    known = numpy.unique(numpy.concatenate([some, crowded, [lowest, highest]])).astype(numpy.int32)
    others = generator.integers(lowest, highest, 5_000, endpoint=True).astype(numpy.int32)
    index = position_table(known)
    assert index.find(known).tolist() == list(range(len(known)))
    places = {int(key): place for place, key in enumerate(known)}
    sought = numpy.concatenate([others, known[::3], crowded.astype(numpy.int32) + 1])
    assert index.find(sought).tolist() == [places.get(int(key), -1) for key in sought]
    assert position_table(NONE.keys).find(known).tolist() == [-1] * len(known)


@given(st.sets(st.sampled_from([-(2**31), -(2**31) + 1, -1, 0, 1, 2, 3, 2**30, 2**31 - 2, 2**31 - 1])))
def test_key_table_with_keys_at_the_limits(known: set[int]) -> None:
    keys = numpy.array(sorted(known), numpy.int32)
    sought = numpy.array([-(2**31), -2, -1, 0, 2, 4, 2**31 - 2, 2**31 - 1], numpy.int32)
    places = {int(key): place for place, key in enumerate(keys)}
    assert position_table(keys).find(sought).tolist() == [places.get(int(key), -1) for key in sought]


def test_trained_n_grams_separate_labels() -> None:
    ngrams = fit([*GOOD, *BAD], [True] * len(GOOD) + [False] * len(BAD))
    logits = NgramTable(ngrams).logits(["好吃", "难吃", "便宜", "昂贵"])
    assert (logits > 0).tolist() == [True, False, True, False]
    assert (numpy.diff(ngrams.keys) > 0).all()


def test_the_largest_weights_are_kept() -> None:
    texts, positive = [*GOOD, *BAD], [True] * len(GOOD) + [False] * len(BAD)
    whole, few = fit(texts, positive), fit(texts, positive, most=4)
    assert len(few) == 4
    assert sorted(few.weights.tolist()) == sorted(sorted(whole.weights.tolist(), key=abs)[-4:])


def test_texts_are_weighted() -> None:
    texts, positive = ["很好"] * 5 + ["很好"] * 5, [True] * 5 + [False] * 5
    for first, second in ((1.0, 0.1), (0.1, 1.0)):
        (logit,) = NgramTable(fit(texts, positive, weights=[first] * 5 + [second] * 5)).logits(["很好"])
        assert (logit > 0) == (first > second)


def test_n_grams_that_occur_once_are_left_out() -> None:
    assert len(fit(["很好", "难吃"], [True, False])) == 0


def test_zero_n_grams() -> None:
    assert fit(["很好"], [True], most=0) is NONE


def test_a_single_label() -> None:
    with pytest.raises(UsageError, match="N-grams need both labels"):
        fit(GOOD, [True] * len(GOOD))


def test_without_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.svm", None)
    with pytest.raises(UsageError, match=r"pip install liuyan\[training\]"):
        fit([*GOOD, *BAD], [True] * len(GOOD) + [False] * len(BAD))
