"""Progress bars on standard error, shown only in a terminal."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from liuyan.terminal import console, is_terminal

# Description, number done, total.
Report = Callable[[str, int, int], None]


@contextmanager
def progress_bar() -> Iterator[Report]:
    """Yield ``progress(what, done, total)``. A new ``what`` starts a new bar; a total of 0 means unknown."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    # Rich would write redirected lines to standard error, also those for a pipe or a file.
    redirected, shown = is_terminal(), sys.stderr.isatty()
    with Progress(*columns, console=console(error=True), disable=not shown, redirect_stdout=redirected) as bars:
        tasks: dict[str, TaskID] = {}

        def progress(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total or None)
            bars.update(tasks[what], completed=done)

        yield progress
