"""Normalisation unifies equivalent spellings and keeps everything that carries sentiment."""

import pytest

from model.normalise import MENTION, URL, character_table, normalise
from model.segment import segment
from model.training.data import simplified_characters

TABLE = character_table(simplified_characters())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ＡＢＣ１２３！", "abc123!"),
        ("太好了！！！！！！！！", "太好了!!!"),
        ("哈哈哈哈哈哈", "哈哈哈"),
        ("10000块", "10000块"),
        ("這個東西壞了", "这个东西坏了"),
        ("看 https://example.org/a?b=1 吧", f"看 {URL} 吧"),
        ("@张三 你好", f"{MENTION} 你好"),
        (
            "@张三今天来了没有说一句话就又走了然后我们一直都在等他回来真是的",
            "@张三今天来了没有说一句话就又走了然后我们一直都在等他回来真是的",
        ),
        ("{%#早安#%}今天", " #早安# 今天"),
        ("好\u200b吃\ufe0f", "好吃"),
        ("👍🏽", "👍"),
        ("❤️😂", "❤😂"),
        ("\ue000伪造", "伪造"),
        ("", ""),
    ],
)
def test_normalise(text: str, expected: str) -> None:
    assert normalise(text, TABLE) == expected


@pytest.mark.parametrize("word", ["不", "没有", "别", "无", "非", "未"])
def test_negations_are_kept(word: str) -> None:
    assert word in "".join(segment(normalise(f"这个{word}好", TABLE)))


def test_normalising_twice_changes_nothing() -> None:
    text = "这个ＡＰＰ太!!!!!差了@客服 http://a.cn/x 😂😂😂😂😂"
    once = normalise(text, TABLE)
    assert "😂" in once
    assert normalise(once.replace(URL, "").replace(MENTION, ""), TABLE) == once.replace(URL, "").replace(MENTION, "")


def test_a_long_text_is_normalised_like_its_parts() -> None:
    part = "Cafe\u0301 物流很快，ｏｋ \u1100\u1161 か\u3099わいい！"
    assert normalise(part * 300, TABLE) == normalise(part, TABLE) * 300
