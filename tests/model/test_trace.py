"""Traced normalisation produces the same text as ``normalise``, with spans in the original."""

from collections.abc import Callable
from difflib import SequenceMatcher

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import model.trace
from model.normalise import MENTION, URL, character_table, normalise
from model.trace import LONGEST_COMPARED, trace
from model.training.data import simplified_characters

TABLE = character_table(simplified_characters())
ODD = "好吃！！！！aＡ１ﬁ㍿①…‥é́İß각각👍🏽❤️@张三 :http://a.cn/ 网页链接{%%}壞\u200b\x00\n \ue000ｶﾞ"


def test_real_comments(real_comments: Callable[[int], list[str]]) -> None:
    for text in real_comments(2_000):
        traced = trace(text, TABLE)
        assert traced.text == normalise(text, TABLE)
        assert len(traced.spans) == len(traced.text)


@settings(max_examples=settings().max_examples * 4, deadline=None)
@example("\u0300\uff9e")
@given(st.one_of(st.text(), st.text(alphabet=ODD), st.lists(st.sampled_from(ODD.split())).map("".join)))
def test_any_text(text: str) -> None:
    traced = trace(text, TABLE)
    assert traced.text == normalise(text, TABLE)
    assert len(traced.spans) == len(traced.text)
    starts = [start for start, _ in traced.spans]
    ends = [end for _, end in traced.spans]
    assert starts == sorted(starts)
    assert ends == sorted(ends)
    assert all(0 <= start < end <= len(text) for start, end in traced.spans)


@pytest.mark.parametrize(
    ("text", "piece", "original"),
    [
        ("服務很壞", "坏", "壞"),
        ("ＷＩＦＩ快", "wifi", "ＷＩＦＩ"),
        ("好！！！！！！看", "!!!", "！！！！！！"),
        ("看https://example.org/x 吧", URL, "https://example.org/x"),
        ("@张三 你好", MENTION, "@张三"),
        ("👍🏽好", "👍", "👍"),
        ("cafe\u0301好", "é", "e\u0301"),
        ("好\u200b吃", "吃", "吃"),
        ("\u1100\u1161好", "\uac00", "\u1100\u1161"),
    ],
)
def test_spans_in_the_original(text: str, piece: str, original: str) -> None:
    traced = trace(text, TABLE)
    place = traced.text.index(piece)
    start, end = traced.span(place, place + len(piece))
    assert text[start:end] == original


def test_comparison_of_a_long_text_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[int] = []

    def matcher(junk: None, one: str, other: str, *, autojunk: bool) -> "SequenceMatcher[str]":
        compared.append(len(one) + len(other))
        return SequenceMatcher(junk, one, other, autojunk=autojunk)

    monkeypatch.setattr(model.trace, "SequenceMatcher", matcher)
    for odd in ("\u1100\u1161", "\u1100\u1161x\u1100\u1161a\u0300" * 1_200):
        text = "好" * 1_000 + odd + "坏" * 1_000
        traced = trace(text, TABLE)
        assert len(traced.spans) == len(traced.text)
        assert all(0 <= start < end <= len(text) for start, end in traced.spans)
    assert max(compared, default=0) <= LONGEST_COMPARED
