"""How long a reviewer looked at a text, and whether that is long enough to have read it.

A decision that was quicker than reading is marked; in the random audit it does not count.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from store.blind import Claim, decidable_among, own_claims
from store.session import WriteSession
from store.types import stored_time

# People take 200 to 250 ms for a Chinese character when they read (Brysbaert 2019, "How many words do we read per
# minute?": 260 characters a minute). Four times as fast is skimming at the limit; quicker than that is a reflex.
WIDE_MILLISECONDS = 60
# English words are read at about 240 a minute, 40 ms a letter: again four times as fast.
NARROW_MILLISECONDS = 10
# Nobody reads and decides more quickly, however short the text is.
LEAST_MILLISECONDS = 600
# The beginning of a long text often decides.
MOST_MILLISECONDS = 3_000
# From here on characters are Chinese, Japanese or Korean, full-width or emoji.
FIRST_WIDE = "\u2e80"


def reading_milliseconds(text: str) -> int:
    """The time below which a decision on ``text`` is too fast, in milliseconds."""
    wide = sum(character >= FIRST_WIDE for character in text)
    needed = wide * WIDE_MILLISECONDS + (len(text) - wide) * NARROW_MILLISECONDS
    return max(LEAST_MILLISECONDS, min(needed, MOST_MILLISECONDS))


def shown_milliseconds(measured: int | None, given_at: datetime | None, now: datetime) -> int | None:
    """How long a text was shown, in milliseconds: what the page ``measured``, but no longer than the reviewer has held
    the comment, who got it at ``given_at``. None where neither is known."""
    held = None if given_at is None else max(0, (now - given_at) // timedelta(milliseconds=1))
    return min((time for time in (measured, held) if time is not None), default=None)


def is_too_fast(text: str, shown: int | None) -> bool:
    """Whether the text was shown for less time than reading takes; what is not known is not too fast."""
    return shown is not None and shown < reading_milliseconds(text)


@dataclass(frozen=True, slots=True)
class Given:
    """A decision as it was sent: the comment's number and text, whether it answers a blind task, and how long the page
    showed the text, in milliseconds; None where the client does not say."""

    comment_number: int
    text: str
    blind: bool
    measured: int | None


@dataclass(frozen=True, slots=True)
class Attention:
    """How long the text was shown (None: not known), whether that is too short, and whether the decision is blind."""

    shown_milliseconds: int | None
    too_fast: bool
    blind: bool


async def attend(session: WriteSession, reviewer: int | None, given: Sequence[Given]) -> dict[int, Attention]:
    """The reviewer's attention to each comment, by its number; the comments are locked.

    A decision is blind where it answers a blind task that the reviewer holds, of a text that they have not decided
    before and that still waits for the audit.
    """
    claims = await own_claims(session, [one.comment_number for one in given], reviewer)
    tasks = [one.comment_number for one in given if one.blind and _is_blind(claims.get(one.comment_number))]
    blind = await decidable_among(session, tasks, reviewer) if tasks else set()
    now = stored_time(session.now)
    found = {}
    for one in given:
        claim = claims.get(one.comment_number)
        # Only a page that shows one text at a time measures; elsewhere a claim says nothing of the decision.
        timed = one.measured is not None or one.comment_number in blind
        shown = shown_milliseconds(one.measured, claim.given_at if claim and timed else None, now)
        found[one.comment_number] = Attention(shown, is_too_fast(one.text, shown), one.comment_number in blind)
    return found


def _is_blind(claim: Claim | None) -> bool:
    return claim is not None and claim.blind
