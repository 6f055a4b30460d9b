"""Measure how long a text was shown to a reviewer, and whether that was long enough to read it.

Decisions that were too fast are marked; in the audit they do not count.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from store.blind import Claim, decidable_among, own_claims
from store.session import WriteSession
from store.types import stored_time

# Reading a Chinese character takes 200 to 250 ms (Brysbaert 2019, "How many words do we read per minute?": 260
# characters a minute). Skimming is at most four times as fast.
WIDE_MILLISECONDS = 60
# About 240 English words a minute are 40 ms a letter; again four times as fast.
NARROW_MILLISECONDS = 10
# The minimum for reading and deciding, however short the text is.
LEAST_MILLISECONDS = 600
# The beginning of a long text often decides.
MOST_MILLISECONDS = 3_000
# Characters from this code point on are Chinese, Japanese or Korean, full-width or emoji.
FIRST_WIDE = "\u2e80"


def reading_milliseconds(text: str) -> int:
    """Return the time in milliseconds below which a decision on ``text`` is too fast."""
    wide = sum(character >= FIRST_WIDE for character in text)
    needed = wide * WIDE_MILLISECONDS + (len(text) - wide) * NARROW_MILLISECONDS
    return max(LEAST_MILLISECONDS, min(needed, MOST_MILLISECONDS))


def shown_milliseconds(measured: int | None, given_at: datetime | None, now: datetime) -> int | None:
    """Return how long a text was shown, in milliseconds, or None if neither argument is known.

    ``measured`` is the page's measurement. It is limited by the time since ``given_at``, when the lease began.
    """
    held = None if given_at is None else max(0, (now - given_at) // timedelta(milliseconds=1))
    return min((time for time in (measured, held) if time is not None), default=None)


def is_too_fast(text: str, shown: int | None) -> bool:
    """Return whether the text was shown for less time than reading takes; False if the time is not known."""
    return shown is not None and shown < reading_milliseconds(text)


@dataclass(frozen=True, slots=True)
class Given:
    """A decision as the client sent it. ``blind`` is whether the client marked it as the answer to a blind task.

    ``measured`` is how long the page showed the text, in milliseconds; None if the client does not report it.
    """

    comment_number: int
    text: str
    blind: bool
    measured: int | None


@dataclass(frozen=True, slots=True)
class Attention:
    """How long the text was shown (None if not known), whether that is too fast, and whether the decision is blind."""

    shown_milliseconds: int | None
    too_fast: bool
    blind: bool


async def attend(session: WriteSession, reviewer: int | None, given: Sequence[Given]) -> dict[int, Attention]:
    """Return the attention paid to each comment, by comment number. The comments must be locked.

    A decision is blind if it answers a blind task that is leased to the reviewer, the text still waits for the audit,
    and the reviewer has not decided it before.
    """
    claims = await own_claims(session, [one.comment_number for one in given], reviewer)
    tasks = [one.comment_number for one in given if one.blind and _is_blind(claims.get(one.comment_number))]
    blind = await decidable_among(session, tasks, reviewer) if tasks else set()
    now = stored_time(session.now)
    found = {}
    for one in given:
        claim = claims.get(one.comment_number)
        # Only pages that show one text at a time report a measurement. Elsewhere the text may be shown long after the
        # lease began.
        timed = one.measured is not None or one.comment_number in blind
        shown = shown_milliseconds(one.measured, claim.given_at if claim and timed else None, now)
        found[one.comment_number] = Attention(shown, is_too_fast(one.text, shown), one.comment_number in blind)
    return found


def _is_blind(claim: Claim | None) -> bool:
    return claim is not None and claim.blind
