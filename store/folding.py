"""Fold texts, so that texts that differ only in case, width, spaces or invisible characters count as the same.

Folding does not depend on a model, so stored digests stay valid.
"""

import hashlib

from liuyan.nfkc import nfkc

# Invisible characters that spammers scatter over copies: soft hyphen, zero-width space, word joiner, byte order mark.
# Zero-width joiners stay, because emoji need them.
_INVISIBLE = ("\u00ad", "\u200b", "\u2060", "\ufeff")


def fold(text: str) -> str:
    """Return the text in NFKC, case-folded, without invisible characters, and with single spaces between words."""
    text = nfkc(text)
    for character in _INVISIBLE:
        if character in text:
            text = text.replace(character, "")
    return " ".join(text.casefold().split())


def folded_sha256(text: str) -> str:
    """Return the SHA-256 of the folded text in hexadecimal; it differs for different folded texts."""
    return _sha256(text).hex()


def folded_digest(text: str) -> int:
    """Return the first 63 bits of ``folded_sha256``, which an index uses to find comments with the same folded text.

    An attacker can construct two texts with the same digest: compare ``folded_sha256`` before copying a decision.
    """
    return int.from_bytes(_sha256(text)[:8], "big") >> 1


def _sha256(text: str) -> bytes:
    return hashlib.sha256(fold(text).encode(errors="surrogatepass")).digest()
