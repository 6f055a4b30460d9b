"""What a promotion would change, from counts and samples: coverage, flipped labels and the accuracy of both models."""

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from store.analytics import CountFilter
from store.batch import Label, ModelRow
from store.corrections import AuditAccuracy, audit_accuracy
from store.coverage import ModelTotals, read_totals
from store.model_files import has_files
from store.models import read_models
from store.promotion import NoModelError
from store.tables import comments, predictions

# The newest comments whose labels by both models are compared.
SAMPLE = 2_000


@dataclass(frozen=True, slots=True)
class ModelSide:
    """One of the two models; ``audit`` is None if it has no prediction for a blind decision."""

    model: ModelRow
    totals: ModelTotals
    audit: AuditAccuracy | None


@dataclass(frozen=True, slots=True)
class Flips:
    """Labels that differ among the newest comments that both models have labelled, by the new label."""

    compared: int = 0
    to_positive: int = 0
    to_negative: int = 0

    @property
    def all(self) -> int:
        """The number of labels that differ."""
        return self.to_positive + self.to_negative


@dataclass(frozen=True, slots=True)
class Preview:
    """A model and the active one (None if there is none); ``registered`` means that its artifact is stored."""

    candidate: ModelSide
    active: ModelSide | None
    registered: bool
    flips: Flips

    @property
    def active_number(self) -> int | None:
        """The number of the active model."""
        return None if self.active is None else self.active.model.number


async def preview_promotion(connection: AsyncConnection, number: int) -> Preview:
    """Compare a model with the active one. Raises NoModelError and TransientStoreError."""
    known = await read_models(connection)
    if number not in known:
        raise NoModelError(f"There is no model {number}. List them with `liuyan model list`.")
    totals = await read_totals(connection)
    audits = {one.model: one for one in await audit_accuracy(connection, CountFilter())}
    active = next((model for model in known.values() if model.active), None)

    def side(model: ModelRow) -> ModelSide:
        return ModelSide(model, totals[model.number], audits.get(model.sha256))

    flips = Flips() if active is None else await _flips(connection, active.number, number)
    registered = await has_files(connection, number)
    return Preview(side(known[number]), None if active is None else side(active), registered, flips)


async def _flips(connection: AsyncConnection, old: int, new: int) -> Flips:
    of = comments.c
    newest = select(of.number).order_by(of.created_at.desc(), of.number.desc()).limit(SAMPLE).subquery()
    before, after = predictions.alias("before"), predictions.alias("after")
    query = (
        select(before.c.label, after.c.label, func.count())
        .join_from(newest, before, (before.c.comment_number == newest.c.number) & (before.c.model_number == old))
        .join(after, (after.c.comment_number == newest.c.number) & (after.c.model_number == new))
        .group_by(before.c.label, after.c.label)
    )
    found = {(one, other): n for one, other, n in await connection.execute(query)}
    to_positive = found.get((Label.NEGATIVE, Label.POSITIVE), 0)
    return Flips(sum(found.values()), to_positive, found.get((Label.POSITIVE, Label.NEGATIVE), 0))
