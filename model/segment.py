"""Step 2: segment a normalised text with jieba's dictionary and algorithm, HMM off.

rjieba is jieba in Rust and about nine times as fast. A test compares the two on real comments.
"""

import re
from collections.abc import Sequence

import rjieba

# Weibo's emoticons, such as [哈哈] or [doge], are one word: the brackets distinguish them from the word inside.
_EMOTICON = re.compile(r"(\[[a-z\u4e00-\u9fff]{1,8}\])")


def segment(text: str) -> list[str]:
    """Return the words of ``text`` in order, including whitespace, which the vocabulary drops."""
    if "[" not in text:
        return cut(text)
    words: list[str] = []
    for place, part in enumerate(_EMOTICON.split(text)):
        words.extend([part] if place % 2 else cut(part))
    return words


def cut(text: str) -> list[str]:
    """Return the same words as ``jieba.lcut(text, HMM=False)``."""
    try:
        words: list[str] = rjieba.cut(text, False)
    except UnicodeEncodeError:  # Python and JSON strings may contain a lone surrogate, Rust strings may not
        words = rjieba.cut(_without_surrogates(text), False)
    return words


def replace_surrogates(texts: Sequence[str]) -> Sequence[str]:
    """Replace lone surrogates as ``segment`` does, so that each text consists of its words."""
    try:
        "".join(texts).encode()
    except UnicodeEncodeError:
        return list(map(_without_surrogates, texts))
    return texts


def _without_surrogates(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
