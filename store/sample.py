"""Select the audit sample: a small, stable share of all comments, by a keyed digest of (platform, id).

Accuracy measured on comments that reviewers choose would be biased. The key keeps outsiders from predicting which
comments are in the sample.
"""

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from store.dead_letters import comment_key

AUDIT_SHARE = 0.02
# A rank is the first 63 bits of the digest, so that it fits a BIGINT.
RANKS = 1 << 63


@dataclass(frozen=True, slots=True)
class AuditSample:
    """Selects the comments whose rank is within ``share`` (0..1) of all ranks."""

    key: bytes
    share: float

    @classmethod
    def of(cls, erasure_key: bytes, share: float) -> Self:
        """Create the sample with a key derived from the erasure key, so that the two digests are unrelated."""
        return cls(hmac.digest(erasure_key, b"liuyan: audit sample", hashlib.sha256), share)

    def rank(self, platform: str, id: str) -> int | None:
        """Return a comment's rank in the sample's random order, or None outside the sample.

        A larger share keeps the ranks and appends to them.
        """
        return self.ranks([(platform, id)])[0]

    def ranks(self, comments: Iterable[tuple[str, str]]) -> list[int | None]:
        """Return ``rank`` of each (platform, id), with less work for each."""
        keyed, first_outside = hashlib.blake2b(key=self.key, digest_size=8), self.share * RANKS
        ranks: list[int | None] = []
        for comment in comments:
            digest = keyed.copy()
            digest.update(comment_key(*comment))
            rank = int.from_bytes(digest.digest(), "big") >> 1
            ranks.append(rank if rank < first_outside else None)
        return ranks
