"""Fold texts, so that texts that differ only in case, width, spaces or invisible characters count as the same.

Folding does not depend on a model, so stored digests stay valid.
"""

import hashlib
from collections.abc import Sequence

from liuyan.nfkc import nfkc, nfkc_all

# Invisible characters that spammers scatter over copies: soft hyphen, zero-width space, word joiner, byte order mark.
# Zero-width joiners stay, because emoji need them.
_INVISIBLE = ("\u00ad", "\u200b", "\u2060", "\ufeff")


def fold(text: str) -> str:
    """Return the text in NFKC, case-folded, without invisible characters, and with single spaces between words."""
    return _fold_normalised(nfkc(text))


def _fold_normalised(text: str) -> str:
    for character in _INVISIBLE:
        if character in text:
            text = text.replace(character, "")
    return " ".join(text.casefold().split())


def folded_sha256(text: str) -> str:
    """Return the SHA-256 of the folded text in hexadecimal; it differs for different folded texts."""
    return _sha256(fold(text)).hex()


def folded_digest(text: str) -> int:
    """Return the first 63 bits of ``folded_sha256``, which an index uses to find comments with the same folded text.

    An attacker can construct two texts with the same digest: compare ``folded_sha256`` before copying a decision.
    """
    return _leading_bits(_sha256(fold(text)))


def folded_digests(texts: Sequence[str]) -> list[int]:
    """Return ``folded_digest`` of each text, with less work for each."""
    return [_leading_bits(_sha256(_fold_normalised(text))) for text in nfkc_all(texts)]


def _leading_bits(digest: bytes) -> int:
    return int.from_bytes(digest[:8], "big") >> 1


def _sha256(folded: str) -> bytes:
    return hashlib.sha256(folded.encode("utf-8", "surrogatepass")).digest()
