"""What the database holds: the figures that the screen shows, and the comparison at the end."""

from collections import Counter
from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import func, select

from liuyan.demo.corpus import PLATFORMS
from store.batch import Label
from store.store import Store
from store.tables import comments, dead_letters, hourly_counts, partitions, predictions

# So many of the latest comments of each platform are read; a batch is stored sorted by platform.
LATEST = 20


@dataclass(frozen=True, slots=True)
class LabelledText:
    """A stored comment, as the screen shows it; ``probability`` is that of positive."""

    platform: str
    text: str
    label: Label
    probability: float
    uncertain: bool


@dataclass(frozen=True, slots=True)
class Figures:
    """The database at one moment; ``positions`` is partition -> next offset; ``latest`` were stored last."""

    positive: int = 0
    negative: int = 0
    positions: Mapping[int, int] = field(default_factory=dict)
    latest: tuple[LabelledText, ...] = ()

    @property
    def stored(self) -> int:
        """Comments with their label."""
        return self.positive + self.negative


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the demo published against what of that is stored; duplicated are rows beyond one for each comment.

    Whatever somebody else published meanwhile is not counted, but for its dead letters.
    """

    published: int
    stored: int
    missing: int
    duplicated: int
    dead: int

    @property
    def right(self) -> bool:
        """Whether each published comment was stored exactly once."""
        return self.published == self.stored and not (self.missing or self.duplicated or self.dead)

    def __str__(self) -> str:
        return (
            f"published {self.published} stored {self.stored} missing {self.missing} "
            f"duplicated {self.duplicated} dead {self.dead}"
        )


async def read_figures(store: Store) -> Figures:
    """The figures now. Raises TransientStoreError."""
    mix = select(hourly_counts.c.label, func.sum(hourly_counts.c.n)).group_by(hourly_counts.c.label)
    said = predictions.c
    newest = (
        select(comments.c.platform, comments.c.text, said.label, said.probability, said.uncertain)
        .join(predictions, said.comment_number == comments.c.number)
        .order_by(comments.c.number.desc())
        .limit(LATEST)
    )
    rows: list[Any] = []
    async with store.reading() as connection:
        counts = {label: int(n) for label, n in await connection.execute(mix)}
        stands = await connection.execute(select(partitions.c.partition, partitions.c.next_offset))
        positions = {row.partition: row.next_offset for row in stands}
        for platform in PLATFORMS:
            rows += await connection.execute(newest.where(comments.c.platform == platform))
    latest = tuple(LabelledText(row[0], row[1], Label(row[2]), row[3], bool(row[4])) for row in rows)
    return Figures(counts.get(Label.POSITIVE, 0), counts.get(Label.NEGATIVE, 0), positions, latest)


async def compare(store: Store, published: Set[tuple[str, str]]) -> Verdict:
    """Look each published (platform, id) up among the labelled rows. Raises TransientStoreError."""
    labelled = select(comments.c.platform, comments.c.id).join(
        predictions, predictions.c.comment_number == comments.c.number
    )
    async with store.reading() as connection:
        rows = Counter((platform, identifier) for platform, identifier in await connection.execute(labelled))
        dead = (await connection.execute(select(func.count()).select_from(dead_letters))).scalar_one()
    return Verdict(
        published=len(published),
        stored=len(published & rows.keys()),
        missing=len(published - rows.keys()),
        duplicated=rows.total() - len(rows),
        dead=dead,
    )
