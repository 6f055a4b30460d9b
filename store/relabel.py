"""Add a model's predictions to stored comments: the one way for replay, shadow and missing predictions.

Nothing else changes: no comment, review, dead letter, erasure or stored offset of the live group.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol, TypeVar

from store.batch import Prediction
from store.folding import folded_digest
from store.merge import Labelled, labelled_as
from store.rows import prediction_row
from store.session import WriteSession
from store.statement_builder import Values
from store.types import stored_time
from store.write import move_label_counts

# Far below the smallest default of max_allowed_packet, 16 MiB, even if every character is escaped.
STATEMENT_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class TextPrediction:
    """A model's prediction for a comment. It applies only while the comment's stored text is ``text``."""

    platform: str
    id: str
    text: str
    prediction: Prediction


@dataclass(frozen=True, slots=True)
class RelabelOutcome:
    """Comments by what happened to their predictions.

    ``added``: stored. ``present``: the model had labelled this text already. ``outdated``: the stored text is another
    one. ``absent``: there is no such comment. ``flipped``: of those added, the ones whose label differs from that of
    the model that was compared with.
    """

    added: int = 0
    present: int = 0
    outdated: int = 0
    absent: int = 0
    flipped: int = 0


async def add_predictions(
    session: WriteSession, model: int, items: Sequence[TextPrediction], compared_with: int | None = None
) -> RelabelOutcome:
    """Lock the comments of ``items``, and store ``model``'s predictions and counts where the text is still the same.

    A comment may occur several times with different texts. ``compared_with`` is the number of the model to count
    flipped labels against. The number of statements depends on the bytes of the texts only. Raises TransientStoreError
    and PermanentStoreError.
    """
    # Sorted so that all writers lock in the same order, and without duplicates.
    chosen = {(item.platform, item.id, item.text): item for item in items}
    ordered = [chosen[key] for key in sorted(chosen)]
    found = [row for group in by_size(ordered) for row in await _lock(session, group)]
    same = [row for row in found if row.same]
    labels = await _labels(session, [row.number for row in same], model, compared_with)
    added = [row for row in same if (row.number, model) not in labels]
    rows: list[Values] = []
    changes: Counter[Labelled] = Counter()
    flipped = 0
    for row in added:
        rows.append(_row(row, model))
        prediction, platform = row.item.prediction, row.item.platform
        changes.update(labelled_as(platform, row.created_at, {model: prediction}, row.review))
        flipped += compared_with is not None and labels.get((row.number, compared_with)) not in (None, prediction.label)
    if rows:
        await session.run(session.statements.write_predictions, rows)
        await move_label_counts(session, changes)
    return RelabelOutcome(
        added=len(added),
        present=len(same) - len(added),
        outdated=len(found) - len(same),
        absent=len(ordered) - len(found),
        flipped=flipped,
    )


class HasText(Protocol):
    """An item with the text of a comment."""

    @property
    def text(self) -> str:
        """The text."""


Item = TypeVar("Item", bound=HasText)


def by_size(items: Iterable[Item]) -> Iterator[list[Item]]:
    """Split items into groups whose texts fit into one statement."""
    group: list[Item] = []
    size = 0
    for item in items:
        # Four bytes is the most that a code point takes.
        if group and size + 4 * len(item.text) > STATEMENT_BYTES:
            yield group
            group, size = [], 0
        group.append(item)
        size += 4 * len(item.text)
    if group:
        yield group


class _Locked(NamedTuple):
    """A locked comment, and whether its text is the item's."""

    item: TextPrediction
    number: int
    same: bool
    created_at: datetime
    review: str | None


async def _lock(session: WriteSession, items: Sequence[TextPrediction]) -> list[_Locked]:
    """Lock the comments of items until the transaction ends; items without a comment are left out.

    One JSON array, because the driver takes ten times as long to read hundreds of rows.
    """
    given = ({"platform": item.platform, "id": item.id, "text": item.text} for item in items)
    document = (await session.run(session.statements.lock_texts, given)).scalar_one()
    return [
        _Locked(items[position - 1], number, bool(same), stored_time(created_at), review)
        for position, number, same, created_at, review in json.loads(document or "[]")
    ]


async def _labels(
    session: WriteSession, numbers: Sequence[int], model: int, compared_with: int | None
) -> dict[tuple[int, int], str]:
    """Return the labels of both models for these comments, by comment and model."""
    if not numbers:
        return {}
    given = ({"comment_number": number} for number in numbers)
    found = await session.run(session.statements.read_labels, given, model=model, other=compared_with)
    labels = json.loads(found.scalar_one() or "[]")
    return {(numbers[position - 1], labelled_by): label for position, labelled_by, label in labels}


def _row(row: _Locked, model: int) -> Values:
    values = prediction_row(row.item.prediction)
    values["comment_number"], values["model_number"] = row.number, model
    values["reviewed"] = row.review is not None
    values["folded_digest"] = folded_digest(row.item.text)
    return values
