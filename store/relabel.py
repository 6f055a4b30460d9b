"""Add a model's predictions to stored comments: the one way for replay, shadow and missing predictions.

Nothing else changes: no comment, review, dead letter, erasure or stored offset of the live group.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from store.batch import Prediction
from store.bulk import Values
from store.folding import folded_digest
from store.lock_keys import Key, LockedRow, lock_current
from store.merge import Labelled, Outcome, StoredState, count_changes
from store.rows import prediction_row
from store.session import WriteSession
from store.write import move_label_counts


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
    flipped labels against. The number of statements does not depend on the number of items. Raises TransientStoreError
    and PermanentStoreError.
    """
    by_key = _by_key(items)
    locked = await lock_current(session, list(by_key)) if by_key else {}
    outcomes: Counter[str] = Counter(absent=sum(len(texts) for key, texts in by_key.items() if key not in locked))
    rows: list[Values] = []
    changes: Counter[Labelled] = Counter()
    for key, (row, known) in locked.items():
        prediction = by_key[key].get(row.content.text)
        outcomes["outdated"] += len(by_key[key]) - (prediction is not None)
        if prediction is None:
            continue
        if model in known:
            outcomes["present"] += 1
            continue
        outcomes["added"] += 1
        compared = None if compared_with is None else known.get(compared_with)
        outcomes["flipped"] += compared is not None and compared.label != prediction.label
        rows.append(_row(row, model, prediction))
        _count(key, row, known, model, prediction, changes)
    if rows:
        await session.run(session.statements.write_predictions, rows)
        await move_label_counts(session, changes)
    return RelabelOutcome(**outcomes)


def _by_key(items: Sequence[TextPrediction]) -> dict[Key, dict[str, Prediction]]:
    """Return the predictions by comment, sorted so that all writers lock in the same order, and by text."""
    found: dict[Key, dict[str, Prediction]] = {}
    for item in items:
        found.setdefault((item.platform, item.id), {})[item.text] = item.prediction
    return dict(sorted(found.items()))


def _row(row: LockedRow, model: int, prediction: Prediction) -> Values:
    values = prediction_row(prediction)
    values["comment_number"], values["model_number"] = row.number, model
    values["reviewed"] = row.review is not None
    values["folded_digest"] = folded_digest(row.content.text)
    return values


def _count(
    key: Key,
    row: LockedRow,
    known: Mapping[int, Prediction],
    model: int,
    prediction: Prediction,
    changes: Counter[Labelled],
) -> None:
    before = StoredState(row.content, known, None, row.review)
    after = Outcome(row.content, {**known, model: prediction}, None, row.review)
    count_changes(key[0], before, after, changes)
