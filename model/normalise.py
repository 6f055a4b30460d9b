"""First step: one spelling for what means the same, before the text is cut into words.

Nothing that carries feeling is removed: no stop words, no negation, no emoji.
"""

import re
from collections.abc import Mapping

from liuyan.nfkc import nfkc

# Placeholders are characters of the private use area, since the segmenter keeps such a character as a word of its own.
URL = "\ue000"
MENTION = "\ue001"

_INVISIBLE = [0x00AD, 0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF, 0xFE0E, 0xFE0F]
_SKIN_TONES = range(0x1F3FB, 0x1F400)
_URL = re.compile(r"(?:https?://|www\.)[\x21-\x7e]+|网页链接")
# A name ends where Weibo ends it; without such an end the words behind it cannot be told from the name and stay.
_MENTION = re.compile(r"@[\w\-]{2,30}(?=[\s:,。!?@/]|$)")
_WEIBO_MARK = re.compile(r"\{%|%\}")
# Three of a kind say "many"; digits stay, since 10000 is not 1000.
_RUN = re.compile(r"([^\d\s])\1{3,}")
_MANY = r"\1\1\1"

# In the order in which they are made.
SUBSTITUTIONS = ((_WEIBO_MARK, " "), (_URL, URL), (_MENTION, MENTION), (_RUN, _MANY))


def character_table(simplified: Mapping[str, str]) -> dict[int, str | None]:
    """The table for ``normalise``: traditional characters to simplified ones; what nobody sees is dropped."""
    table: dict[int, str | None] = {ord(old): new for old, new in simplified.items()}
    table.update(dict.fromkeys([*_INVISIBLE, *_SKIN_TONES, ord(URL), ord(MENTION)]))
    table[0] = " "
    return table


def normalise(text: str, table: Mapping[int, str | None]) -> str:
    """NFKC, lower case, simplified characters, short runs, URLs and mentions as one character each."""
    text = nfkc(text).lower().translate(table)
    if "{%" in text:
        text = _WEIBO_MARK.sub(" ", text)
    if "http" in text or "www." in text or "网页链接" in text:
        text = _URL.sub(URL, text)
    if "@" in text:
        text = _MENTION.sub(MENTION, text)
    return _RUN.sub(_MANY, text)
