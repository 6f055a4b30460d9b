"""Work on comparisons that were ordered: count step by step, explain a few examples, and store the result.

Any process may do this. Progress is stored every few seconds, so another process can continue after a crash.
"""

import asyncio
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from liuyan.settings import Settings
from registry.comparison_result import compute_result, result_to_json
from registry.comparison_tally import Tally
from registry.explain_flips import Explained, explain_texts
from store.comparison_scan import Flip, read_step
from store.comparisons import (
    Claimed,
    Example,
    claim_comparison,
    finish_comparison,
    read_texts,
    save_progress,
)
from store.retry import retried
from store.store import Store

SAVE_SECONDS = 5.0
# Receives the number of the last comment that was counted, and the number of the last one.
Report = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Worker:
    """A process that works on comparisons. ``token`` identifies it, ``pause`` are seconds between two steps."""

    store: Store
    settings: Settings
    token: int
    pause: float = 0.0


def new_token() -> int:
    """Return the random number that identifies a process."""
    return secrets.randbits(63)


async def work_on_comparison(worker: Worker, number: int | None = None, report: Report = lambda *_: None) -> bool:
    """Finish the oldest comparison that nobody works on, or the one with ``number``.

    Returns whether there was one. Raises TransientStoreError and CommitUnknownError; the progress remains, and a later
    call with the same token continues at once.
    """
    store, token = worker.store, worker.token
    claimed = await retried(lambda: store.write(claim_comparison, token, number), repeatable=True)
    if claimed is None:
        return False
    tally = await _count(worker, claimed, report)
    if tally is None:
        return True
    examples, old, new = await _explain(worker, claimed, tally.examples)
    result = await asyncio.to_thread(compute_result, tally, old.trained_on, new.trained_on)
    document = result_to_json(result)
    await retried(lambda: store.write(finish_comparison, claimed.number, token, document, examples))
    return True


async def _count(worker: Worker, claimed: Claimed, report: Report) -> Tally | None:
    """Count the remaining comments; return None if another process has taken over."""
    tally, done, last = Tally.from_json(claimed.tally), claimed.done_up_to, claimed.last_comment
    saved = time.monotonic()
    while done < last:
        step = await worker.store.read(read_step, claimed.order, done, last)
        tally.add(step)
        done = step.done_up_to
        report(done, last)
        if time.monotonic() - saved > SAVE_SECONDS:
            if not await _save(worker, claimed, done, tally):
                return None
            saved = time.monotonic()
        await asyncio.sleep(worker.pause)
    # Loading two artifacts takes seconds, so the lease is renewed before.
    return tally if await _save(worker, claimed, done, tally) else None


async def _save(worker: Worker, claimed: Claimed, done: int, tally: Tally) -> bool:
    document = tally.to_json()
    arguments = (claimed.number, worker.token, done, document)
    return await retried(lambda: worker.store.write(save_progress, *arguments), repeatable=True)


async def _explain(worker: Worker, claimed: Claimed, flips: list[Flip]) -> tuple[list[Example], Explained, Explained]:
    """Return the examples with the deciding words of both models. One model is loaded after the other."""
    store, settings, order = worker.store, worker.settings, claimed.order
    versions = [(flip.comment_number, flip.comment_version) for flip in flips]
    texts = await store.read(read_texts, versions)
    old = await explain_texts(store, settings, order.old_model_number, texts)
    new = await explain_texts(store, settings, order.new_model_number, texts)
    examples = [
        Example(
            *(flip.comment_number, flip.comment_version, flip.old_probability, flip.new_probability),
            old.words.get(flip.comment_number),
            new.words.get(flip.comment_number),
        )
        for flip in flips
    ]
    return examples, old, new
