"""Arranged texts: every word is read once, in order, in the row of its text."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from model.arrangement import Arrangement, arrange

LENGTHS = st.lists(st.integers(1, 9), min_size=1, max_size=30).map(lambda lengths: sorted(lengths, reverse=True))


def read(order: Arrangement, lengths: list[int]) -> dict[int, list[int]]:
    """Return the word numbers by text, in the order in which the rows read them."""
    text = torch.repeat_interleave(torch.tensor(lengths))
    word = torch.cat([torch.arange(length) for length in lengths])
    places = order.places(text, word)
    assert places.sort().values.tolist() == list(range(sum(lengths)))
    words = torch.empty_like(places).index_copy_(0, places, torch.arange(len(places)))
    reading: dict[int, list[int]] = {}
    done: dict[int, list[int]] = {}
    for numbers, change in zip(torch.split(words, order.running), order.changes, strict=True):
        if change:
            for row, ended in zip(change.rows.tolist(), change.ended.tolist(), strict=True):
                done[ended] = reading.pop(row)
        for row, number in enumerate(numbers.tolist()):
            reading.setdefault(row, []).append(number)
    return done | {text: reading[row] for row, text in enumerate(order.last.tolist())}


@given(LENGTHS, st.integers(1, 12))
def test_texts_of_a_row_follow_each_other(lengths: list[int], rows: int) -> None:
    order = arrange(lengths, rows)
    assert sorted(order.running, reverse=True) == order.running
    assert order.running[0] == min(rows, len(lengths))
    ends = torch.tensor(lengths).cumsum(0).tolist()
    expected = {text: list(range(end - lengths[text], end)) for text, end in enumerate(ends)}
    assert read(order, lengths) == expected


def test_rows_stay_busy_while_texts_are_left() -> None:
    assert arrange([9, *[3] * 20], 4).running == [4] * 15 + [3] * 3
    # With a row per text, each row ends with its text.
    assert arrange([4, 2, 2, 1], 512).running == [4, 3, 1, 1]
