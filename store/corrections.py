"""Corrections by reviewer and by model, and each model's accuracy on the audit sample, the only unbiased one."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, case, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from store.admin_tables import users
from store.analytics import CountFilter, read_model_number
from store.batch import ModelRow
from store.comments import ShownLabel
from store.held_back import is_held_back
from store.merge import ALL_PLATFORMS
from store.models import read_models
from store.ranges import DAY, HOUR, MONTH, TimeRange, cover, within
from store.tables import comments, predictions, reviewer_counts

# Maximum number of blind decisions per label on which accuracy is measured. It bounds the time of a query; with 10,000
# decisions the interval is at most one percentage point on each side.
JUDGED = 5_000


@dataclass(frozen=True, slots=True)
class Corrections:
    """The number of reviews without withdrawn ones, and of those that differ from the shown label of a model.

    ``labels`` counts the reviews by label.
    """

    reviews: int
    corrections: int
    labels: dict[ShownLabel, int]


@dataclass(frozen=True, slots=True)
class ReviewerCorrections:
    """One reviewer's reviews; ``name`` is None if the account does not exist."""

    reviewer_number: int
    name: str | None
    done: Corrections


@dataclass(frozen=True, slots=True)
class ModelCorrections:
    """The reviews of one model's labels; without a model, those of comments that none had labelled (number 0)."""

    model: str | None
    model_number: int
    model_name: str | None
    done: Corrections


@dataclass(frozen=True, slots=True)
class AuditAccuracy:
    """A model's accuracy on the audit sample.

    ``judged`` is the number of comments with the blind label positive or negative, ``right`` how many of them the model
    labels the same. ``confused`` maps (model's label, blind label) to the number of comments, including unclear and
    spam. Of a model that was trained on reviews, only comments that are held back from training count:
    ``held_back_only``.
    """

    model: str
    model_name: str
    active: bool
    judged: int
    right: int
    confused: dict[tuple[ShownLabel, ShownLabel], int]
    held_back_only: bool = False


async def corrections_by_reviewer(connection: AsyncConnection, filters: CountFilter) -> list[ReviewerCorrections]:
    """Return each reviewer's corrections, most reviews first. Raises TransientStoreError.

    The time range of ``filters`` applies to the times of the reviews. With a model, only reviews of its labels count.
    """
    counts = reviewer_counts.c
    model = await read_model_number(connection, filters) if filters.model is not None else None
    conditions = [counts.model_number == (model or -1)] if filters.model is not None else []
    found = await _corrections(connection, counts.reviewer_number, filters, conditions)
    names = select(users.c.number, users.c.name).where(users.c.number.in_(found))
    named = {row.number: row.name for row in await connection.execute(names)}
    listed = [ReviewerCorrections(number, named.get(number), done) for number, done in found.items()]
    return sorted(listed, key=lambda one: (-one.done.reviews, one.reviewer_number))


async def corrections_by_model(connection: AsyncConnection, filters: CountFilter) -> list[ModelCorrections]:
    """Return how often each model's labels were corrected, newest model first. Raises TransientStoreError."""
    known = await read_models(connection)
    found = await _corrections(connection, reviewer_counts.c.model_number, filters)
    return [
        ModelCorrections(
            known[number].sha256 if number in known else None,
            number,
            known[number].name if number in known else None,
            done,
        )
        for number, done in sorted(found.items(), reverse=True)
    ]


async def audit_accuracy(connection: AsyncConnection, filters: CountFilter, most: int = JUDGED) -> list[AuditAccuracy]:
    """Return each model's accuracy against the blind decisions on the audit sample, newest model first.

    A decision counts while its comment still has the decided text, because predictions belong to the current text.
    Comments are judged in the sample's random order, until one label has ``most`` decisions. Raises
    TransientStoreError.
    """
    known = await read_models(connection)
    last = await _last_rank(connection, filters, most)
    confused: dict[int, dict[tuple[ShownLabel, ShownLabel], int]] = {}
    for decided in ShownLabel:
        for number, label, held_back, n in await _judged(connection, decided, filters, last):
            if held_back or number not in known or not known[number].trained_on_reviews:
                counts = confused.setdefault(number, {})
                counts[ShownLabel(label), decided] = counts.get((ShownLabel(label), decided), 0) + n
    return [_accuracy(known[number], confused[number]) for number in sorted(confused, reverse=True) if number in known]


def _accuracy(model: ModelRow, confused: dict[tuple[ShownLabel, ShownLabel], int]) -> AuditAccuracy:
    decided = (ShownLabel.POSITIVE, ShownLabel.NEGATIVE)
    judged = sum(n for (_, reviewed), n in confused.items() if reviewed in decided)
    right = sum(n for (label, reviewed), n in confused.items() if label == reviewed)
    return AuditAccuracy(model.sha256, model.name, model.active, judged, right, confused, model.trained_on_reviews)


async def _last_rank(connection: AsyncConnection, filters: CountFilter, most: int) -> int | None:
    """Return the rank at which the first label reaches ``most`` decisions, or None.

    All labels are judged up to this rank: a separate limit for each label would change their shares.
    """
    of = comments.c
    ranks: list[int] = []
    for decided in ShownLabel:
        query = select(of.audit_rank).where(*_decided(decided, filters)).order_by(of.audit_rank)
        ranks += (await connection.execute(query.offset(most - 1).limit(1))).scalars().all()
    return min(ranks, default=None)


async def _judged(
    connection: AsyncConnection, decided: ShownLabel, filters: CountFilter, last: int | None
) -> Sequence[tuple[int, str, bool, int]]:
    """Count the comments with the blind label ``decided``, by model, its label and whether they are held back."""
    predicted = predictions.c
    query = (
        select(predicted.model_number, predicted.label, is_held_back().label("held_back"), func.count())
        .join_from(comments, predictions, predicted.comment_number == comments.c.number)
        .where(*_decided(decided, filters), *([] if last is None else [comments.c.audit_rank <= last]))
        # By name, because MariaDB does not recognize the repeated expression.
        .group_by(predicted.model_number, predicted.label, "held_back")
    )
    return [(model, label, bool(held), n) for model, label, held, n in await connection.execute(query)]


def _decided(decided: ShownLabel, filters: CountFilter) -> list[ColumnElement[bool]]:
    of = comments.c
    return [
        of.blind_label == decided,
        of.audit_rank.is_not(None),
        *([] if filters.platform is None else [of.platform == filters.platform]),
        *([] if filters.created_from is None else [of.created_at >= filters.created_from]),
        *([] if filters.created_to is None else [of.created_at < filters.created_to]),
    ]


async def _corrections(
    connection: AsyncConnection,
    by: ColumnElement[int],
    filters: CountFilter,
    conditions: Sequence[ColumnElement[bool]] = (),
) -> dict[int, Corrections]:
    """Return the corrections within the time range and platform of ``filters``, grouped by ``by``."""
    counts = reviewer_counts.c
    corrected = and_(counts.label != "", counts.label != counts.reviewed_label)
    found: dict[int, Corrections] = {}
    for time_range in cover(filters.created_from, filters.created_to, (MONTH, DAY, HOUR)):
        query = (
            select(by, counts.reviewed_label, func.sum(counts.n), func.sum(case((corrected, counts.n), else_=0)))
            .where(*within(reviewer_counts, time_range), *_of_platform(time_range, filters.platform), *conditions)
            .group_by(by, counts.reviewed_label)
        )
        for number, label, n, wrong in await connection.execute(query):
            before = found.get(number, Corrections(0, 0, dict.fromkeys(ShownLabel, 0)))
            labels = before.labels | {ShownLabel(label): before.labels[ShownLabel(label)] + int(n)}
            found[number] = Corrections(before.reviews + int(n), before.corrections + int(wrong), labels)
    return found


def _of_platform(time_range: TimeRange, platform: str | None) -> list[ColumnElement[bool]]:
    # The hourly rows have no sum over all platforms.
    if platform is None and time_range.bucket == HOUR:
        return []
    return [reviewer_counts.c.platform == (platform or ALL_PLATFORMS)]
