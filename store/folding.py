"""Identical texts: two comments belong to one group if their texts are equal once case, width and spaces are ignored.

The folding depends on no model, so that a digest that is stored once stays right.
"""

import hashlib

from liuyan.nfkc import nfkc

# Characters that nobody sees and that spammers scatter over copies: soft hyphen, zero-width space, word joiner, byte
# order mark. Joiners stay, since emoji need them.
_INVISIBLE = ("\u00ad", "\u200b", "\u2060", "\ufeff")


def fold(text: str) -> str:
    """The text in NFKC, without case, with single spaces between words and none at the ends."""
    text = nfkc(text)
    for character in _INVISIBLE:
        if character in text:
            text = text.replace(character, "")
    return " ".join(text.casefold().split())


def folded_sha256(text: str) -> str:
    """SHA-256 of the folded text, in hexadecimal: equal for identical texts alone."""
    return _sha256(text).hex()


def folded_digest(text: str) -> int:
    """The first 63 bits of ``folded_sha256``, by which an index finds comments with the same folded text.

    Somebody with enough time can make two texts that share them: compare ``folded_sha256`` before copying a decision.
    """
    return int.from_bytes(_sha256(text)[:8], "big") >> 1


def _sha256(text: str) -> bytes:
    return hashlib.sha256(fold(text).encode(errors="surrogatepass")).digest()
