"""Each comment once, in one part for good, and nothing that is held out."""

from pathlib import Path

import pytest

from liuyan.errors import LiuyanError
from model.training.data import (
    FOUR_STARS,
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


def test_digest_is_the_published_recipe() -> None:
    assert digest("不错！") == digest("  不错。") == "3da947d6a115b5ca"


def test_clean_keeps_each_comment_once_and_drops_conflicts_and_what_is_held_out() -> None:
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


def test_stars_do_not_overrule_a_person_but_each_other() -> None:
    judged = [comment("还行吧"), comment("还行吧", False, rated=True)]
    rated = [comment("凑合", rated=True), comment("凑合", False, rated=True)]
    assert [one.positive for one in clean([*judged, *rated], frozenset()).values()] == [True]


def test_balance_samples_praise_down_and_only_where_it_is_rated() -> None:
    rated = [comment(f"赞{n}", rated=True) for n in range(30)] + [
        comment(f"差{n}", False, rated=True) for n in range(4)
    ]
    judged = [comment(f"好{n}", source="b") for n in range(30)]
    chosen = balance(clean([*rated, *judged], frozenset()))
    assert sum(one.rated and one.positive for one in chosen.values()) == 6
    assert sum(one.rated and not one.positive for one in chosen.values()) == 4
    assert sum(not one.rated for one in chosen.values()) == 30


def test_the_split_never_shifts() -> None:
    parts = [part_of(digest(f"评论 {number}")) for number in range(2_000)]
    assert parts[:12] == [part_of(digest(f"评论，{number}！")) for number in range(12)]
    assert [part_of(f"{number:016x}") for number in (0, 1, 2, 11)] == ["train", "train", "test", "validation"]
    assert 0.77 < parts.count("train") / 2_000 < 0.83
    assert 0.08 < parts.count("test") / 2_000 < 0.12


def test_held_out_list_missing(tmp_path: Path) -> None:
    with pytest.raises(LiuyanError, match="cannot be read"):
        read_held_out(tmp_path / "none")


def test_read_folder(tmp_path: Path) -> None:
    (tmp_path / "hotel.csv").write_text(
        "split,label,text\nx_4,1,还可以\nx_5,1,很好\nx_1,0,很差\nx_1,0,\n", encoding="utf-8-sig"
    )
    judged, rated = list(read_folder(tmp_path)), list(read_folder(tmp_path, rated=True))
    assert [one.target for one in judged] == [1, 1, 0]
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
