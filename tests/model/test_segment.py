"""Segmentation equals jieba's, except that Weibo's emoticons are one word."""

from collections.abc import Callable

import jieba

from model.segment import cut, segment


def test_segmentation_equals_jieba(real_comments: Callable[[int], list[str]]) -> None:
    texts = real_comments(3_000)
    different = [text for text in texts if cut(text) != jieba.lcut(text, HMM=False)]
    assert len(texts) == 3_000
    assert different == []


def test_an_emoticon_is_one_word() -> None:
    assert segment("又迟到[泪][doge]烦") == ["又", "迟到", "[泪]", "[doge]", "烦"]


def test_brackets_around_a_sentence_are_words() -> None:
    assert segment("[这是一句很长很长的话]")[0] == "["


def test_each_emoji_is_a_word() -> None:
    assert segment("好吃😂👍") == ["好吃", "😂", "👍"]
