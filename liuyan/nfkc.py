"""Unicode normalisation for texts of any length: NFKC in time that grows with the length alone."""

import re
import unicodedata

# NFKC's time grows with the square of a run of combining marks, so long texts are normalised in pieces. A piece ends
# before a character that never combines with those before it; where there is none, marks may stay apart.
_PIECE = re.compile(r".{1,1000}(?=[\x00-\x7f\u3001-\u3020\u4e00-\u9fff]|\Z)|.{1,1000}", re.DOTALL)
_SHORT = 1_000

# What most Chinese texts hold that is not in NFKC. Replaced first, which changes no result, it leaves most texts
# normalised, so that they are only checked: normalisation takes ten times as long.
_PUNCTUATION = (("，", ","), ("！", "!"), ("？", "?"), ("：", ":"), ("；", ";"), ("（", "("), ("）", ")"))


def nfkc(text: str) -> str:
    """The text in NFKC."""
    for wide, plain in _PUNCTUATION:
        if wide in text:
            text = text.replace(wide, plain)
    if len(text) > _SHORT:
        return "".join(map(_nfkc, _PIECE.findall(text)))
    return _nfkc(text)


def _nfkc(text: str) -> str:
    return text if unicodedata.is_normalized("NFKC", text) else unicodedata.normalize("NFKC", text)
