"""Reviewed comments as a source of training."""

import json
from pathlib import Path

import pytest

from liuyan.errors import LiuyanError
from liuyan.model.data import REVIEWS, Comment, clean
from liuyan.model.reviews import read_reviews

HEADER = "text,label,reviewer,reviewed_at\n"


def test_decided_ones_alone(tmp_path: Path) -> None:
    file = tmp_path / "reviews.csv"
    decided = (("很快", "positive"), ("太慢", "negative"), ("不知道", "unclear"), ("加我", "spam"))
    rows = "".join(f"{text},{label},someone,2026-01-01\n" for text, label in decided)
    file.write_text(HEADER + rows, encoding="utf-8")
    assert read_reviews(file, 3.0) == [
        Comment("很快", True, REVIEWS, 1.0, weight=3.0),
        Comment("太慢", False, REVIEWS, 0.0, weight=3.0),
    ]


def test_the_newest_review_decides(tmp_path: Path) -> None:
    file = tmp_path / "reviews.jsonl"
    reviews = [
        {"text": "还行", "label": "negative", "reviewed_at": "2026-03-02T00:00:00Z"},
        {"text": "还行!", "label": "positive", "reviewed_at": "2026-03-01T00:00:00Z"},
        {"text": "算了", "label": "positive", "reviewed_at": "2026-03-01T00:00:00Z"},
        {"text": "算了", "label": "unclear", "reviewed_at": "2026-03-02T00:00:00Z"},
    ]
    file.write_text("".join(json.dumps(review) + "\n" for review in reviews), encoding="utf-8")
    assert [(one.text, one.positive) for one in read_reviews(file, 1.0)] == [("还行", False)]


def test_a_review_stands_against_a_label() -> None:
    reviewed = Comment("还行", False, REVIEWS, 0.0)
    labelled = Comment("还行", True, "shop", 1.0)
    assert list(clean([reviewed, labelled], frozenset()).values()) == [reviewed]
    assert clean([labelled, Comment("还行", False, "shop", 0.0)], frozenset()) == {}


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.csv", HEADER + "很快,maybe,a,b\n", "the label 'maybe' is none of"),
        ("a.csv", "label\npositive\n", "no column text"),
        ("a.csv", "text\n很快\n", "there is no text or no label"),
        ("a.jsonl", "[1]\n", "line 1: this is no JSON object"),
        ("a.jsonl", '{"text": 1, "label": "positive"}\n', "there is no text or no label"),
        ("a.jsonl", "text\n", "line 1: this is no JSON object"),
    ],
)
def test_what_cannot_be_read(tmp_path: Path, name: str, content: str, reason: str) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(LiuyanError, match=reason):
        read_reviews(tmp_path / name, 1.0)
