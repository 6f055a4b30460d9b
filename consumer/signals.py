"""Run a command until its work ends or SIGTERM or SIGINT asks it to stop."""

import asyncio
import signal
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


async def run_until_signal(
    work: Callable[[asyncio.Event, asyncio.Event], Coroutine[Any, Any, Result]],
) -> Result | None:
    """Run ``work(stop, started)`` and return its result, or None if a signal ended it before it had started.

    A signal sets ``stop``. Before ``work`` sets ``started`` it also cancels the work: there is nothing to finish yet,
    and an unreachable server can delay the start for a long time. Raises what ``work`` raises.
    """
    stop, started = asyncio.Event(), asyncio.Event()
    working = asyncio.create_task(work(stop, started))

    def request_stop() -> None:
        stop.set()
        if not started.is_set():
            working.cancel()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, request_stop)
    await asyncio.wait([working])
    return None if working.cancelled() and stop.is_set() else working.result()


async def run_beside(work: Coroutine[Any, Any, Result], *others: Coroutine[Any, Any, None]) -> Result:
    """Run ``work`` and return its result; ``others`` run until then. Raises the first error of any of them."""
    main = asyncio.create_task(work)
    tasks = [main, *(asyncio.create_task(other) for other in others)]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
        return await main
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
