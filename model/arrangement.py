"""Which text is read in which row of a batch, and when: where a text ends the next one begins."""

from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heapify, heapreplace

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Change:
    """Before a step: in ``rows`` other texts begin, where ``ended`` (numbers of texts) were read up to then."""

    rows: Tensor
    ended: Tensor


@dataclass(frozen=True, slots=True)
class Arrangement:
    """``row`` and first step, ``start``, of each text, and the text that ends each row, ``last``; all int64.

    In step s the first ``running[s]`` rows read a word each, never more than in the step before; ``changes[s]`` is what
    comes before that.
    """

    row: Tensor
    start: Tensor
    last: Tensor
    running: list[int]
    changes: Sequence[Change | None]

    def places(self, text: Tensor, word: Tensor) -> Tensor:
        """Where a ``word`` (its place in its ``text``) stands among all that are read, step by step and row by row."""
        before = torch.tensor([0, *self.running]).cumsum(0)
        return before[self.start[text] + word] + self.row[text]


def arrange(lengths: Sequence[int], rows: int) -> Arrangement:
    """Arrange texts of ``lengths`` words, longest first, in ``rows`` at most.

    The next longest text begins in the row that is free first (Graham 1969, longest processing time first). So all rows
    run until no text is left to begin, and leave then one by one. Sorted batches, one after the other, would each end
    with steps of few rows, which cost almost as much as those of many.
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
    ends.sort(reverse=True)  # rows that run longest come first, so that those which run are always the first ones
    place = torch.empty(rows, dtype=torch.int64)
    place[torch.tensor([number for _, number in ends])] = torch.arange(rows)
    placed, starts = place[torch.tensor(row)], torch.tensor(start)
    running = torch.bincount(torch.tensor([end for end, _ in ends])).flip(0).cumsum(0).flip(0)[1:].tolist()
    last = torch.tensor([reading[number] for _, number in ends])
    changes = _changes(placed[rows:], starts[rows:], torch.tensor(ended, dtype=torch.int64), len(running))
    return Arrangement(placed, starts, last, running, changes)


def _changes(rows: Tensor, starts: Tensor, ended: Tensor, steps: int) -> list[Change | None]:
    """A change for each of ``steps`` in which texts begin, in ``rows`` and at ``starts``, which never fall."""
    changes: list[Change | None] = [None] * steps
    changed, counts = torch.unique_consecutive(starts, return_counts=True)
    each = counts.tolist()
    for step, in_rows, texts in zip(changed.tolist(), torch.split(rows, each), torch.split(ended, each), strict=True):
        changes[step] = Change(in_rows, texts)
    return changes
