"""Measure the comparison of two models as an API process works it off, for `make bench-admin`."""

import time
from dataclasses import dataclass
from itertools import pairwise

from liuyan.settings import Settings
from registry.compare import Worker, new_token, work_on_comparison
from store.audit import Actor
from store.comparisons import ComparisonOrder, claim_comparison, fail_comparison, order_comparison
from store.store import Store

ADMIN = Actor(1, "admin", "session", None)
# No single step may block the event loop or hold a snapshot of the database for longer.
MAXIMUM_STEP_SECONDS = 1.0


@dataclass(frozen=True)
class Job:
    """How long a comparison took, with its longest step."""

    seconds: float
    longest_step: float


async def compare(store: Store) -> Job:
    """Order a comparison of models 1 and 2 over all comments, and work it off."""
    number = await store.write(order_comparison, ADMIN, ComparisonOrder(1, 2), None)
    started = time.perf_counter()
    steps: list[float] = [started]
    await work_on_comparison(
        Worker(store, Settings(), new_token()), number, lambda *_: steps.append(time.perf_counter())
    )
    longest = max(after - before for before, after in pairwise(steps))
    return Job(time.perf_counter() - started, longest)


async def order_and_end(store: Store) -> None:
    """Order a comparison, and end it so that the next one is not refused."""
    token = new_token()
    number = await store.write(order_comparison, ADMIN, ComparisonOrder(1, 2, "platform-00"), token)
    await store.write(claim_comparison, token, number)
    assert await store.write(fail_comparison, number, token, "measured")
