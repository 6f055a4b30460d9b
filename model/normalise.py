"""Step 1: normalise a text, so that equivalent spellings become equal.

Nothing that carries sentiment is removed: no stop words, negations or emoji.
"""

import re
from collections.abc import Mapping

from liuyan.nfkc import nfkc

# Placeholders are private use characters, because the segmenter keeps each of them as one word.
URL = "\ue000"
MENTION = "\ue001"

_INVISIBLE = [0x00AD, 0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF, 0xFE0E, 0xFE0F]
_SKIN_TONES = range(0x1F3FB, 0x1F400)
_URL = re.compile(r"(?:https?://|www\.)[\x21-\x7e]+|网页链接")
# A name ends where Weibo ends it. Without such an end, the name cannot be separated from the next words and is kept.
_MENTION = re.compile(r"@[\w\-]{2,30}(?=[\s:,。!?@/]|$)")
_WEIBO_MARK = re.compile(r"\{%|%\}")
# Runs are cut to three characters, except for digits: 10000 is not 1000.
_RUN = re.compile(r"([^\d\s])\1{3,}")
_MANY = r"\1\1\1"

# In the order of application.
SUBSTITUTIONS = ((_WEIBO_MARK, " "), (_URL, URL), (_MENTION, MENTION), (_RUN, _MANY))


def character_table(simplified: Mapping[str, str]) -> dict[int, str | None]:
    """Return the table for ``normalise``: traditional to simplified characters; invisible ones are dropped."""
    table: dict[int, str | None] = {ord(old): new for old, new in simplified.items()}
    table.update(dict.fromkeys([*_INVISIBLE, *_SKIN_TONES, ord(URL), ord(MENTION)]))
    table[0] = " "
    return table


def normalise(text: str, table: Mapping[int, str | None]) -> str:
    """Apply NFKC, lower case and simplified characters, shorten runs, replace URLs and mentions by placeholders."""
    text = nfkc(text).lower().translate(table)
    if "{%" in text:
        text = _WEIBO_MARK.sub(" ", text)
    if "http" in text or "www." in text or "网页链接" in text:
        text = _URL.sub(URL, text)
    if "@" in text:
        text = _MENTION.sub(MENTION, text)
    return _RUN.sub(_MANY, text)
