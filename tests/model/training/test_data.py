"""Training data: deduplication, permanent parts and held-out comments."""

from pathlib import Path

import pytest

from liuyan.errors import LiuyanError
from model.training.data import (
    FOUR_STARS,
    NEUTRAL_FILE,
    Comment,
    balance,
    clean,
    digest,
    fold,
    part_of,
    read_folder,
    read_held_out,
    simplified_characters,
)


def comment(text: str, positive: bool = True, source: str = "a", rated: bool = False) -> Comment:
    return Comment(text, positive, source, float(positive), rated)


@pytest.mark.parametrize(
    ("text", "folded"),
    [("好，吃！", "好吃"), ("Ａ_b 1", "ab1"), ("👍👍", "👍👍"), (" ！ ", "!"), ("", "")],
)
def test_fold(text: str, folded: str) -> None:
    assert fold(text) == folded


def test_digest_is_stable() -> None:
    assert digest("不错！") == digest("  不错。") == "3da947d6a115b5ca"


def test_clean_drops_duplicates_conflicts_and_held_out_comments() -> None:
    kept = clean(
        [
            comment("很好", source="first"),
            comment("很好！", source="second"),
            comment("一般", True),
            comment("一般。", False),
            comment("藏起来"),
        ],
        frozenset([digest("藏起来！！")]),
    )
    assert [(one.text, one.source) for one in kept.values()] == [("很好", "first")]


def test_labels_overrule_stars() -> None:
    labelled = [comment("还行吧"), comment("还行吧", False, rated=True)]
    rated = [comment("凑合", rated=True), comment("凑合", False, rated=True)]
    assert [one.positive for one in clean([*labelled, *rated], frozenset()).values()] == [True]


def test_balance_samples_rated_comments_only() -> None:
    rated = [comment(f"赞{n}", rated=True) for n in range(30)] + [
        comment(f"差{n}", False, rated=True) for n in range(4)
    ]
    labelled = [comment(f"好{n}", source="b") for n in range(30)]
    chosen = balance(clean([*rated, *labelled], frozenset()))
    assert sum(one.rated and one.positive for one in chosen.values()) == 6
    assert sum(one.rated and not one.positive for one in chosen.values()) == 4
    assert sum(not one.rated for one in chosen.values()) == 30


def test_parts_are_stable() -> None:
    parts = [part_of(digest(f"评论 {number}")) for number in range(2_000)]
    assert parts[:12] == [part_of(digest(f"评论，{number}！")) for number in range(12)]
    assert [part_of(f"{number:016x}") for number in (0, 1, 2, 11)] == ["train", "train", "test", "validation"]
    assert 0.77 < parts.count("train") / 2_000 < 0.83
    assert 0.08 < parts.count("test") / 2_000 < 0.12


def test_missing_held_out_file(tmp_path: Path) -> None:
    with pytest.raises(LiuyanError, match="cannot be read"):
        read_held_out(tmp_path / "none")


def test_read_folder(tmp_path: Path) -> None:
    (tmp_path / "hotel.csv").write_text(
        "split,label,text\nx_4,1,还可以\nx_5,1,很好\nx_1,0,很差\nx_1,0,\n", encoding="utf-8-sig"
    )
    labelled, rated = list(read_folder(tmp_path)), list(read_folder(tmp_path, rated=True))
    assert [one.target for one in labelled] == [1, 1, 0]
    assert [one.target for one in rated] == [FOUR_STARS, 1, 0]
    assert {one.source for one in rated} == {"hotel"}


def test_folder_without_files(tmp_path: Path) -> None:
    with pytest.raises(LiuyanError, match=r"no \*\.csv"):
        list(read_folder(tmp_path))


def test_simplified_characters() -> None:
    table = simplified_characters()
    assert table["壞"] == "坏"
    assert "好" not in table
    assert len(table) > 2_000


def test_neutral_posts_are_not_read_as_labelled_comments(tmp_path: Path) -> None:
    (tmp_path / "shop.csv").write_text("label,text\n1,很好\n", "utf-8")
    (tmp_path / NEUTRAL_FILE).write_text("split,text\ntrain,今天有雨\n", "utf-8")
    assert [one.text for one in read_folder(tmp_path)] == ["很好"]
