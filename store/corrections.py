"""How reviewers and models agree: corrections, and accuracy on the audit sample, which alone is not biased."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, case, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from store.admin_tables import users
from store.analytics import CountFilter, read_model_number
from store.batch import ModelRow
from store.comments import ShownLabel
from store.merge import ALL_PLATFORMS
from store.models import read_models
from store.ranges import DAY, HOUR, MONTH, TimeRange, cover, within
from store.tables import comments, predictions, reviewer_counts

# The blind decisions of each label that are judged at most, which gives accuracy to half a percent.
JUDGED = 20_000


@dataclass(frozen=True, slots=True)
class Corrections:
    """How many reviews were given, what was taken back left out, and how many of them said something else than the
    model whose label was shown. ``labels`` are the reviews by label."""

    reviews: int
    corrections: int
    labels: dict[ShownLabel, int]


@dataclass(frozen=True, slots=True)
class ReviewerCorrections:
    """What one reviewer did; ``name`` is the account's, None where the reviewer has none."""

    reviewer_number: int
    name: str | None
    done: Corrections


@dataclass(frozen=True, slots=True)
class ModelCorrections:
    """What reviewers did with the labels of one model; None where no model had labelled the comments."""

    model: str | None
    model_name: str | None
    done: Corrections


@dataclass(frozen=True, slots=True)
class AuditAccuracy:
    """Of the comments of the audit sample that were decided blindly as positive or negative, how many the model labels
    so. ``confused`` is (model's label, blind label) -> comments; unclear and spam are counted there alone."""

    model: str
    model_name: str
    active: bool
    judged: int
    right: int
    confused: dict[tuple[ShownLabel, ShownLabel], int]


async def corrections_by_reviewer(connection: AsyncConnection, wanted: CountFilter) -> list[ReviewerCorrections]:
    """What each reviewer did, the most busy first; the range is that of the reviews' times, and a model in ``wanted``
    leaves only what was decided on its labels. Raises TransientStoreError."""
    counts = reviewer_counts.c
    model = await read_model_number(connection, wanted) if wanted.model is not None else None
    only = [counts.model_number == (model or -1)] if wanted.model is not None else []
    found = await _done(connection, counts.reviewer_number, wanted, only)
    names = select(users.c.number, users.c.name).where(users.c.number.in_(found))
    named = {row.number: row.name for row in await connection.execute(names)}
    listed = [ReviewerCorrections(number, named.get(number), done) for number, done in found.items()]
    return sorted(listed, key=lambda one: (-one.done.reviews, one.reviewer_number))


async def corrections_by_model(connection: AsyncConnection, wanted: CountFilter) -> list[ModelCorrections]:
    """How often each model's labels were corrected, the newest model first. Raises TransientStoreError."""
    known = await read_models(connection)
    found = await _done(connection, reviewer_counts.c.model_number, wanted)
    return [
        ModelCorrections(
            known[number].sha256 if number in known else None, known[number].name if number in known else None, done
        )
        for number, done in sorted(found.items(), reverse=True)
    ]


async def audit_accuracy(connection: AsyncConnection, wanted: CountFilter, most: int = JUDGED) -> list[AuditAccuracy]:
    """How right each model is by the blind decisions on the audit sample, the newest model first.

    A decision counts while its comment has the text that was seen, since a model's prediction goes with its text. The
    comments that come first in the sample's random order are judged, up to the one at which a label has ``most``.
    Raises TransientStoreError.
    """
    known = await read_models(connection)
    last = await _last_rank(connection, wanted, most)
    confused: dict[int, dict[tuple[ShownLabel, ShownLabel], int]] = {}
    for decided in ShownLabel:
        for model, label, n in await _judged(connection, decided, wanted, last):
            confused.setdefault(model, {})[ShownLabel(label), decided] = n
    return [_accuracy(known[number], confused[number]) for number in sorted(confused, reverse=True) if number in known]


def _accuracy(model: ModelRow, confused: dict[tuple[ShownLabel, ShownLabel], int]) -> AuditAccuracy:
    decided = (ShownLabel.POSITIVE, ShownLabel.NEGATIVE)
    judged = sum(n for (_, reviewed), n in confused.items() if reviewed in decided)
    right = sum(n for (label, reviewed), n in confused.items() if label == reviewed)
    return AuditAccuracy(model.sha256, model.name, model.active, judged, right, confused)


async def _last_rank(connection: AsyncConnection, wanted: CountFilter, most: int) -> int | None:
    """The rank at which the first label has ``most`` decisions; None where none has. All labels are judged up to it: a
    limit on each label alone would change their shares."""
    of = comments.c
    ranks: list[int] = []
    for decided in ShownLabel:
        query = select(of.audit_rank).where(*_decided(decided, wanted)).order_by(of.audit_rank)
        ranks += (await connection.execute(query.offset(most - 1).limit(1))).scalars().all()
    return min(ranks, default=None)


async def _judged(
    connection: AsyncConnection, decided: ShownLabel, wanted: CountFilter, last: int | None
) -> Sequence[tuple[int, str, int]]:
    """Model, its label and how many comments of the sample that were blindly decided so."""
    said = predictions.c
    query = (
        select(said.model_number, said.label, func.count())
        .join_from(comments, predictions, said.comment_number == comments.c.number)
        .where(*_decided(decided, wanted), *([] if last is None else [comments.c.audit_rank <= last]))
        .group_by(said.model_number, said.label)
    )
    return [(model, label, n) for model, label, n in await connection.execute(query)]


def _decided(decided: ShownLabel, wanted: CountFilter) -> list[ColumnElement[bool]]:
    of = comments.c
    return [
        of.blind_label == decided,
        of.audit_rank.is_not(None),
        *([] if wanted.platform is None else [of.platform == wanted.platform]),
        *([] if wanted.created_from is None else [of.created_at >= wanted.created_from]),
        *([] if wanted.created_to is None else [of.created_at < wanted.created_to]),
    ]


async def _done(
    connection: AsyncConnection, by: ColumnElement[int], wanted: CountFilter, only: Sequence[ColumnElement[bool]] = ()
) -> dict[int, Corrections]:
    """What was done in the range of ``wanted``, by what ``by`` tells apart."""
    counts = reviewer_counts.c
    corrected = and_(counts.label != "", counts.label != counts.reviewed_label)
    found: dict[int, Corrections] = {}
    for stretch in cover(wanted.created_from, wanted.created_to, (MONTH, DAY, HOUR)):
        query = (
            select(by, counts.reviewed_label, func.sum(counts.n), func.sum(case((corrected, counts.n), else_=0)))
            .where(*within(reviewer_counts, stretch), *_of_platform(stretch, wanted.platform), *only)
            .group_by(by, counts.reviewed_label)
        )
        for number, label, n, wrong in await connection.execute(query):
            before = found.get(number, Corrections(0, 0, dict.fromkeys(ShownLabel, 0)))
            labels = before.labels | {ShownLabel(label): before.labels[ShownLabel(label)] + int(n)}
            found[number] = Corrections(before.reviews + int(n), before.corrections + int(wrong), labels)
    return found


def _of_platform(stretch: TimeRange, platform: str | None) -> list[ColumnElement[bool]]:
    # By the hour there are no sums of all platforms.
    if platform is None and stretch.bucket == HOUR:
        return []
    return [reviewer_counts.c.platform == (platform or ALL_PLATFORMS)]
