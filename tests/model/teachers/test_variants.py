"""Variants are the same under the same seed, and none of them is a comment that is judged on."""

import re

import pytest

from liuyan.model.data import digest, part_of
from liuyan.model.teachers.variants import make_variants

TEXTS = {
    digest(text): text
    for text in (
        "房间很大，早餐也不错，就是有点吵。下次还来！",
        "物流太慢了，等了两个星期；客服也不理人，差评",
        "屏幕清晰，电池耐用，拍照一般",
        "剧情拖沓~演员倒是挺好看的…不推荐",
    )
}


def quiet(what: str, done: int, total: int) -> None:
    """No report of progress."""


def make(count: int, seed: int = 1, taken: frozenset[str] = frozenset()) -> dict[str, str]:
    return make_variants(TEXTS, count, seed, taken, quiet)


def clauses_of(text: str) -> set[str]:
    return set(re.findall(r"[^，。！？；~…]+", text))


def test_the_same_under_the_same_seed() -> None:
    assert make(40) == make(40)
    assert make(40) != make(40, seed=2)
    assert len(make(40)) == 40


def test_made_of_the_comments_and_for_training_alone() -> None:
    characters = set("".join(TEXTS.values()))
    for key, text in make(60).items():
        assert key == digest(text)
        assert part_of(key) == "train"
        assert set(text) <= characters
        assert len(text) >= 4


@pytest.mark.parametrize("comments", [0, 1, 2])
def test_every_kind_is_made(comments: int) -> None:
    """Of clauses of one comment or of two; none when a word is out of another comment."""
    originals = [clauses_of(text) for text in TEXTS.values()]
    found = [
        sum(bool(clauses_of(text) & original) for original in originals)
        if clauses_of(text) <= set().union(*originals)
        else 0
        for text in make(60).values()
    ]
    assert found.count(comments) >= 5


def test_what_is_taken_is_not_made() -> None:
    first = make(30)
    assert not make(30, taken=frozenset(first)).keys() & first.keys()


def test_too_few_to_make_them_of() -> None:
    assert make_variants({}, 10, 1, frozenset(), quiet) == {}
    assert len(make_variants({"a": "太差了点"}, 10, 1, frozenset(), quiet)) < 10
