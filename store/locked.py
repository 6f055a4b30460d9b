"""Lock comments and determine their shown labels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from store.batch import Prediction
from store.comments import LabelSource, ShownLabel, shown_model
from store.lock_keys import Key, LockedRow, lock_current
from store.merge import CurrentReview
from store.models import read_models
from store.session import WriteSession


@dataclass(frozen=True, slots=True)
class Locked:
    """A locked comment. ``model`` is the number of the model whose prediction is shown."""

    key: Key
    row: LockedRow
    predictions: Mapping[int, Prediction]
    model: int | None
    model_is_active: bool

    @property
    def prediction(self) -> Prediction | None:
        """Return the prediction that is shown unless there is a review."""
        return None if self.model is None else self.predictions[self.model]

    def shown(self, review: CurrentReview | None) -> tuple[ShownLabel | None, LabelSource | None]:
        """Return the label that is shown when ``review`` is the current review, and its source."""
        if review is not None:
            return ShownLabel(review.label), LabelSource.REVIEW
        if self.prediction is None:
            return None, None
        source = LabelSource.ACTIVE_MODEL if self.model_is_active else LabelSource.OTHER_MODEL
        return ShownLabel(self.prediction.label), source


async def lock_comments(session: WriteSession, keys: Sequence[Key]) -> list[Locked]:
    """Lock the comments of ``keys``, which must be sorted; skip absent ones. Raises TransientStoreError."""
    known = await read_models(session.connection)
    found = await lock_current(session, keys)
    locked = []
    for key, (row, predicted) in found.items():
        model = shown_model(known, predicted)
        locked.append(Locked(key, row, predicted, model, model is not None and known[model].active))
    return locked
