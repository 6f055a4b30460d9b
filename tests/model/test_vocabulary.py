"""Vocabularies: lookup and choice of words."""

import pytest

from model.vocabulary import SPECIAL, Vocabulary, choose_words

WORDS = [*SPECIAL, "好", "吃", "很", "酒店"]


def test_known_words_unknown_words_and_numbers() -> None:
    vocabulary = Vocabulary(WORDS, 10)
    assert vocabulary.look_up(["酒店", "好吃", " ", "2024", "iphone", "龘"]) == (5, 2, 3, 1, 0, 0)


@pytest.mark.parametrize("words", [[], [" "], ["\n", "\u3000"]])
def test_a_blank_text_is_one_unknown_word(words: list[str]) -> None:
    assert Vocabulary(WORDS, 10).look_up(words) == (0,)


def test_a_long_text_keeps_head_and_tail() -> None:
    numbers = Vocabulary(WORDS, 4).look_up(["酒店", "好", *["很"] * 100, "吃", "好"])
    assert numbers == (5, 2, 3, 2)


def test_choose_frequent_words_and_characters() -> None:
    texts = [["满意"]] * 20 + [["好吃", " "]] * 10 + [["酒店"]]
    words = choose_words(texts, size=8)
    assert words[:2] == list(SPECIAL)
    assert {"满意", "好吃"} <= set(words)
    assert "酒店" not in words
    assert " " not in words


def test_duplicate_words_are_rejected() -> None:
    with pytest.raises(ValueError, match="no duplicates"):
        Vocabulary([*SPECIAL, "好", "好"], 10)
