"""The audit sample: a small share of all comments, chosen by a keyed digest of (platform, id), so always the same ones.

Accuracy measured on the comments that reviewers choose would be biased; nobody outside can tell which ones are in it.
"""

import hashlib
import hmac
from dataclasses import dataclass
from typing import Self

from store.dead_letters import comment_key

AUDIT_SHARE = 0.02
# A rank is the first 63 bits of the digest: what a BIGINT holds.
RANKS = 1 << 63


@dataclass(frozen=True, slots=True)
class AuditSample:
    """Says which comments are in the sample: those whose rank is within ``share`` (0..1) of all ranks."""

    key: bytes
    share: float

    @classmethod
    def of(cls, erasure_key: bytes, share: float) -> Self:
        """The sample under a key derived from the erasure key, so that neither digest tells of the other."""
        return cls(hmac.digest(erasure_key, b"liuyan: audit sample", hashlib.sha256), share)

    def rank(self, platform: str, id: str) -> int | None:
        """Where a comment stands in the sample's random order; None outside of the sample. A larger share keeps the
        ranks, and adds to their end."""
        digest = hashlib.blake2b(comment_key(platform, id), key=self.key, digest_size=8).digest()
        rank = int.from_bytes(digest, "big") >> 1
        return rank if rank < self.share * RANKS else None
