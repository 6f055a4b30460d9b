"""Query the database for the figures on the screen and for the final comparison."""

from collections import Counter
from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import func, select

from liuyan.demo.corpus import PLATFORMS
from store.batch import Label
from store.merge import ALL_PLATFORMS
from store.model_tables import active_model
from store.ranges import HOUR
from store.store import Store
from store.tables import comment_counts, comments, dead_letters, hourly_counts, partitions, predictions

# Number of latest comments to read per platform, because batches are stored sorted by platform.
LATEST = 20


@dataclass(frozen=True, slots=True)
class LabelledText:
    """A stored comment; ``probability`` is the probability that it is positive."""

    platform: str
    text: str
    label: Label
    probability: float
    uncertain: bool


@dataclass(frozen=True, slots=True)
class Figures:
    """The state of the database; ``offsets`` are a topic's stored offsets by partition, ``latest`` the newest texts.

    ``positive`` and ``negative`` count the active model's labels. After a promotion it may lack some.
    """

    stored: int = 0
    positive: int = 0
    negative: int = 0
    offsets: Mapping[int, int] = field(default_factory=dict)
    latest: tuple[LabelledText, ...] = ()

    @property
    def positive_share(self) -> float | None:
        """The share of positive labels, 0..1; None if there are none."""
        labelled = self.positive + self.negative
        return self.positive / labelled if labelled else None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Published comments compared with stored ones; ``duplicated`` counts rows beyond one per comment and model.

    Comments that other programs published are not counted, except for their dead letters.
    """

    published: int
    stored: int
    missing: int
    duplicated: int
    dead: int

    @property
    def exactly_once(self) -> bool:
        """Whether each published comment was stored exactly once."""
        return self.published == self.stored and not (self.missing or self.duplicated or self.dead)

    def __str__(self) -> str:
        return (
            f"published {self.published} stored {self.stored} missing {self.missing} "
            f"duplicated {self.duplicated} dead {self.dead}"
        )


async def read_figures(store: Store, topic: str) -> Figures:
    """Return the current figures, with the offsets of ``topic``. Raises TransientStoreError."""
    active = select(active_model.c.model_number).scalar_subquery()
    of, columns = hourly_counts.c, predictions.c
    labels = select(of.label, func.sum(of.n)).where(of.model_number == active).group_by(of.label)
    every = (comment_counts.c.bucket == HOUR, comment_counts.c.platform == ALL_PLATFORMS)
    total = select(func.coalesce(func.sum(comment_counts.c.n), 0)).where(*every)
    newest = (
        select(comments.c.platform, comments.c.text, columns.label, columns.probability, columns.uncertain)
        .select_from(comments)
        .join(predictions, (columns.comment_number == comments.c.number) & (columns.model_number == active))
        .order_by(comments.c.number.desc())
        .limit(LATEST)
    )
    rows: list[Any] = []
    async with store.reading() as connection:
        counts = {label: int(n) for label, n in await connection.execute(labels)}
        stored = int((await connection.execute(total)).scalar_one())
        positions = select(partitions.c.partition, partitions.c.next_offset).where(partitions.c.topic == topic)
        offsets = {row.partition: row.next_offset for row in await connection.execute(positions)}
        for platform in PLATFORMS:
            rows += await connection.execute(newest.where(comments.c.platform == platform))
    latest = tuple(LabelledText(row[0], row[1], Label(row[2]), row[3], bool(row[4])) for row in rows)
    return Figures(stored, counts.get(Label.POSITIVE, 0), counts.get(Label.NEGATIVE, 0), offsets, latest)


async def compare(store: Store, published: Set[tuple[str, str]]) -> Comparison:
    """Compare the published (platform, id) pairs with the labelled rows. Raises TransientStoreError."""
    labelled = select(comments.c.platform, comments.c.id, predictions.c.model_number).join(
        predictions, predictions.c.comment_number == comments.c.number
    )
    async with store.reading() as connection:
        rows = Counter((row[0], row[1], row[2]) for row in await connection.execute(labelled))
        dead = (await connection.execute(select(func.count()).select_from(dead_letters))).scalar_one()
    stored = {(platform, identifier) for platform, identifier, _ in rows}
    return Comparison(
        published=len(published),
        stored=len(published & stored),
        missing=len(published - stored),
        duplicated=rows.total() - len(rows),
        dead=dead,
    )
