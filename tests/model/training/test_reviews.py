"""Reviewed comments as training data."""

import json
from pathlib import Path

import pytest

from liuyan.errors import LiuyanError
from model.training.data import REVIEWS, Comment, clean, content_of, digest, part_of
from model.training.reviews import as_comments, newest_of_each_text, read_reviews

HEADER = "text,label,reviewer,reviewed_at\n"


def read(path: Path, weight: float = 1.0) -> list[Comment]:
    """Return the reviews in a file as training reads them."""
    return as_comments(newest_of_each_text(read_reviews(path)), weight)


def test_only_positive_and_negative_reviews_are_used(tmp_path: Path) -> None:
    file = tmp_path / "reviews.csv"
    decided = (("很快", "positive"), ("太慢", "negative"), ("不知道", "unclear"), ("加我", "spam"), (" ", "positive"))
    rows = "".join(f"{text},{label},someone,2026-01-01\n" for text, label in decided)
    file.write_text(HEADER + rows, encoding="utf-8")
    assert read(file, 3.0) == [
        Comment("很快", True, REVIEWS, 1.0, weight=3.0),
        Comment("太慢", False, REVIEWS, 0.0, weight=3.0),
    ]


def test_the_newest_review_is_used(tmp_path: Path) -> None:
    file = tmp_path / "reviews.jsonl"
    reviews = [
        {"text": "还行!", "label": "negative", "reviewed_at": "2026-03-02T00:00:00Z"},
        {"text": "还行！ ", "label": "positive", "reviewed_at": "2026-03-02T01:00:00+02:00"},
        {"text": "算了", "label": "positive", "reviewed_at": "2026-03-01T00:00:00Z"},
        {"text": "算了", "label": "unclear", "reviewed_at": "2026-03-02T00:00:00Z"},
    ]
    file.write_text("".join(json.dumps(review) + "\n" for review in reviews), encoding="utf-8")
    assert [(one.text, one.positive) for one in read(file)] == [("还行!", False)]


def test_texts_with_different_emoji_stay_separate(tmp_path: Path) -> None:
    file = tmp_path / "reviews.csv"
    rows = [
        ("真好👍", "positive"),
        ("真好😡", "negative"),
        ("真好👍", "positive"),
        ("真好", "positive"),
        ("真好…", "spam"),
    ]
    file.write_text(HEADER + "".join(f"{text},{label},a,2026-01-01\n" for text, label in rows), encoding="utf-8-sig")
    reviews = read(file)
    assert [(one.text, one.positive) for one in reviews] == [("真好👍", True), ("真好😡", False), ("真好", True)]
    cleaned = clean([*reviews, Comment("真好!", False, "shop", 0.0)], frozenset())
    assert list(cleaned.values()) == reviews
    assert len({part_of(key) for key in cleaned}) == 1, "the same words are in training and in a test part"
    assert {content_of(key) for key in cleaned} == {digest("真好")}
    assert clean(reviews, frozenset({digest("真好")})) == {}


def test_labels_of_users_are_left_out_unless_requested(tmp_path: Path) -> None:
    file = tmp_path / "reviews.jsonl"
    rows = [("很快", "true"), ("很慢", "false")]
    file.write_text("".join(f'{{"text":"{text}","label":"positive","by_user":{by}}}\n' for text, by in rows))
    assert [one.text for one in read_reviews(file)] == ["很慢"]
    assert [one.text for one in read_reviews(file, user_labels=True)] == ["很快", "很慢"]


def test_reviews_overrule_labels() -> None:
    reviewed = Comment("还行", False, REVIEWS, 0.0)
    labelled = Comment("还行", True, "shop", 1.0)
    assert list(clean([reviewed, labelled], frozenset()).values()) == [reviewed]
    assert clean([labelled, Comment("还行", False, "shop", 0.0)], frozenset()) == {}


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.csv", HEADER + "很快,maybe,a,b\n", "line 2: unknown label 'maybe'"),
        ("a.csv", "label\npositive\n", "No column looks like comments"),
        ("a.csv", "text\n很快\n", "no column label among 'text'"),
        ("a.csv", HEADER + '"很快,positive,a,b\n好,negative,a,b\n', "opens in line 2 is never closed"),
        ("a.jsonl", "[1]\n", "Line 1 is not a JSON object"),
        ("a.jsonl", '{"text": 1, "label": "positive"}\n', "Line 1 has no text in the field 'text'"),
        ("a.jsonl", '{"text": "好"}\n', "no field 'label'"),
        ("a.jsonl", '{"text": "好", "label": "positive"}\n{"text": "好"}\n', "line 2: unknown label ''"),
        ("a.jsonl", '{"text": "\\ud800", "label": "positive"}\n', "a.jsonl: Line 1 has a lone surrogate"),
        ("a.jsonl", "text\n", "Line 1 is not a JSON object"),
        ("a.jsonl", "\udcff\n", "The encoding is unknown"),
    ],
)
def test_unreadable_reviews(tmp_path: Path, name: str, content: str, reason: str) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(LiuyanError, match=reason):
        list(read_reviews(tmp_path / name))
