"""Texts without sentiment."""

from pathlib import Path

import pytest

from liuyan.errors import UsageError
from model.training.data import NEUTRAL, PLAIN, Comment, digest, part_of
from research.cases import read_cases
from research.neutral import plain_texts, read_neutral, with_neutral
from research.turns_of_phrase import turns_of_phrase

pytestmark = pytest.mark.programs

POST = "今天有雨，气温十五度"
LABELLED = "这条有标签"


def test_generated_texts_are_in_the_train_part() -> None:
    generated = plain_texts()
    assert len(generated) > 2_000
    assert {part_of(key) for key in generated} == {"train"}
    assert {(one.target, one.source) for one in generated.values()} == {(0.5, PLAIN)}


def test_generated_texts_do_not_contain_test_cases() -> None:
    generated = [one.text for one in plain_texts().values()] + [text for text, _ in turns_of_phrase()]
    cases = [case.text for case in read_cases()]
    assert [text for text in cases if len(text) > 3 for one in generated if text in one] == []


def test_turns_of_phrase_have_one_label_each() -> None:
    labels: dict[str, bool] = {}
    for text, positive in turns_of_phrase():
        assert labels.setdefault(text, positive) == positive, text
    assert 0.4 < sum(labels.values()) / len(labels) < 0.6


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "neutral.csv").write_text(f"split,text\ntrain,{POST}\ndev,留给评测\ndev,\ndev,{LABELLED}\n", "utf-8")
    return tmp_path


def test_posts_are_added_with_their_weight(folder: Path) -> None:
    posts = read_neutral(folder, frozenset([digest("留给评测")]))
    assert [one.text for one in posts.values()] == [POST, LABELLED]
    labelled = {digest(LABELLED): Comment(LABELLED, True, "shop", 1.0)}
    together = with_neutral(labelled, posts, 3.0)
    assert together[digest(LABELLED)].source == "shop"
    assert together[digest(POST)] == Comment(POST, True, NEUTRAL, 0.5, weight=3.0)
    assert PLAIN in {one.source for one in together.values()}
    assert with_neutral(labelled, posts, 0) == labelled


def test_a_folder_without_posts(tmp_path: Path) -> None:
    assert read_neutral(tmp_path, frozenset()) == {}
    assert read_neutral(None, frozenset()) == {}


def test_an_unreadable_file(tmp_path: Path) -> None:
    (tmp_path / "neutral.csv").write_text("text,label\n\n".replace("text", "body") + "甲,1\n", "utf-8")
    with pytest.raises(UsageError, match=r"neutral\.csv cannot be read as UTF-8 with a column text"):
        read_neutral(tmp_path, frozenset())
