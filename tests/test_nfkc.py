"""NFKC of any text, in time that grows with its length alone."""

import random
import sys
import unicodedata
from types import SimpleNamespace
from typing import Literal

import pytest

import liuyan.nfkc
from liuyan.nfkc import nfkc, nfkc_all

# Wide punctuation, marks that combine with it, Hangul and kana that compose, and what NFKC writes out.
AWKWARD = "，！？：；（）…．～a\u0301\u0316\u0338\u1100\u1161か\u3099ＡÅﬁ中文 \u3000=<>"


def test_every_character_is_normalised_as_the_standard_says() -> None:
    for code in range(sys.maxunicode + 1):
        text = f"，{chr(code)}（"
        assert nfkc(text) == unicodedata.normalize("NFKC", text), hex(code)


def test_sequences_are_normalised_as_the_standard_says() -> None:
    chance = random.Random(1)
    for _ in range(20_000):
        text = "".join(chance.choices(AWKWARD, k=chance.randint(1, 12)))
        assert nfkc(text) == unicodedata.normalize("NFKC", text), ascii(text)


def test_a_run_of_marks_is_normalised_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    def normalize(form: Literal["NFKC"], text: str) -> str:
        seen.append(len(text))
        return unicodedata.normalize(form, text)

    counting = SimpleNamespace(normalize=normalize, is_normalized=unicodedata.is_normalized)
    monkeypatch.setattr(liuyan.nfkc, "unicodedata", counting)
    nfkc("a" + "\u0300\u0316" * 5_000)
    assert max(seen) == 1_000


def test_many_texts_are_normalised_like_each() -> None:
    chance = random.Random(2)
    for _ in range(2_000):
        texts = ["".join(chance.choices([*AWKWARD, "\0"], k=chance.randint(0, 6))) for _ in range(chance.randint(0, 4))]
        assert nfkc_all(texts) == list(map(nfkc, texts)), ascii(texts)
    long = ["a" + "\u0300\u0316" * 2_000, "，" * 5_000]
    assert nfkc_all(long) == list(map(nfkc, long))
