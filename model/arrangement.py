"""Pack texts into the rows of a batch: when a text ends, the next one starts in its row."""

from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heapify, heapreplace

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Change:
    """The texts that start before a step: in each of ``rows``, the text numbered in ``ended`` has just finished."""

    rows: Tensor
    ended: Tensor


@dataclass(frozen=True, slots=True)
class Arrangement:
    """``row`` and first step (``start``) of each text, and the text that is ``last`` in each row; all int64.

    The first ``running[s]`` rows read one word each in step s; the number never rises. ``changes[s]`` applies before
    step s.
    """

    row: Tensor
    start: Tensor
    last: Tensor
    running: list[int]
    changes: Sequence[Change | None]

    def places(self, text: Tensor, word: Tensor) -> Tensor:
        """Return the position of each word in reading order: by step, then by row.

        ``word`` is the word's position in its ``text``.
        """
        before = torch.tensor([0, *self.running]).cumsum(0)
        return before[self.start[text] + word] + self.row[text]


def arrange(lengths: Sequence[int], rows: int) -> Arrangement:
    """Arrange texts of ``lengths`` words, longest first, in at most ``rows`` rows.

    The next longest text starts in the first free row (Graham 1969, longest processing time first). All rows stay busy
    until no text is left; then they finish one by one. Sorted batches would each end with steps of few rows, which cost
    almost as much as steps of many.
    """
    rows = min(rows, len(lengths))
    row, start = list(range(len(lengths))), [0] * len(lengths)
    reading, ended = list(range(rows)), []
    ends = [(length, number) for number, length in enumerate(lengths[:rows])]
    heapify(ends)
    for text in range(rows, len(lengths)):
        start[text], row[text] = ends[0]
        ended.append(reading[row[text]])
        reading[row[text]] = text
        heapreplace(ends, (start[text] + lengths[text], row[text]))
    ends.sort(reverse=True)  # longest rows first, so that the running rows are always a prefix
    place = torch.empty(rows, dtype=torch.int64)
    place[torch.tensor([number for _, number in ends])] = torch.arange(rows)
    placed, starts = place[torch.tensor(row)], torch.tensor(start)
    running = torch.bincount(torch.tensor([end for end, _ in ends])).flip(0).cumsum(0).flip(0)[1:].tolist()
    last = torch.tensor([reading[number] for _, number in ends])
    changes = _changes(placed[rows:], starts[rows:], torch.tensor(ended, dtype=torch.int64), len(running))
    return Arrangement(placed, starts, last, running, changes)


def _changes(rows: Tensor, starts: Tensor, ended: Tensor, steps: int) -> list[Change | None]:
    """Return the change before each of ``steps``. Texts start in ``rows`` at ``starts``, which must not decrease."""
    changes: list[Change | None] = [None] * steps
    changed, counts = torch.unique_consecutive(starts, return_counts=True)
    each = counts.tolist()
    for step, in_rows, texts in zip(changed.tolist(), torch.split(rows, each), torch.split(ended, each), strict=True):
        changes[step] = Change(in_rows, texts)
    return changes
