"""Fill a database with made-up data; the previous release runs this script: `python fill.py URL`."""

import asyncio
import sys
from datetime import UTC, datetime

from api.identity.roles import Role
from store.audit import Actor
from store.batch import Arrival, Label
from store.comments import ShownLabel
from store.group_decisions import decide_group, take_steps
from store.migrate import migrate
from store.reviews import Opinion, add_review
from store.store import Store
from tests.api.people import add_person
from tests.store.feed import ERASURE_KEY, arrival, dead_letter, feed_of, microseconds, minutes, tombstone

REVIEWERS = [Actor(2, "小李", "session", None), Actor(3, "小张", "session", None)]
DAY = 24 * 60
COMMENTS = 24
# The text of four comments on the platform desk.
COPY = "物流很快"


def event(n: int) -> Arrival:
    """Return the comment with this number."""
    positive = n % 3 != 0
    return arrival(
        str(n),
        COPY if n % 6 == 1 else f"味道不错，第 {n} 次",
        created=n * DAY / 4,
        platform=("forum", "desk")[n % 2],
        author=f"作者{n % 5}",
        label=Label.POSITIVE if positive else Label.NEGATIVE,
        probability=(0.9 if positive else 0.1) if n % 4 else 0.6 if positive else 0.4,
        uncertain=n % 4 == 0,
    )


async def fill(store: Store) -> None:
    """Store comments of two models with edits, erasures, dead letters, reviews, a dispute and accounts."""
    for number, name in enumerate(("admin", "li", "zhang")):
        await add_person(store, name, [Role.ADMIN, Role.REVIEWER, Role.REVIEWER][number], now=datetime.now(UTC))
    feed = await feed_of(store)
    for n in range(COMMENTS):
        await feed.send(event(n))
    await feed.send(arrival("2", "改：坏了", edited=DAY, created=DAY / 2, label=Label.NEGATIVE, probability=0.2))
    await feed.send(tombstone("4", at=3 * DAY), dead_letter(offset=90), dead_letter(offset=91, key=b"forum:x"))
    for id, actor, label in (("0", 0, "negative"), ("6", 0, "positive"), ("6", 1, "negative"), ("8", 1, "spam")):
        opinion = Opinion("forum", id, microseconds(minutes(int(id) * DAY / 4)), ShownLabel(label))
        await add_review(store, REVIEWERS[actor], opinion)
    text = Opinion("desk", "1", microseconds(minutes(DAY / 4)), ShownLabel("positive"))
    await decide_group(store, REVIEWERS[0], text)
    while (await take_steps(store)).taken:
        pass
    second = await feed_of(store, "b" * 64)
    second.offset = feed.offset
    await second.send(*(arrival(str(n), created=n * DAY / 4, author=None) for n in (100, 102)))


async def main(url: str) -> None:
    """Migrate and fill the empty database at ``url``."""
    async with Store.open(url, audit_share=0.2) as store:
        await migrate(store.engine, lambda step: None)
        await store.check_ready(ERASURE_KEY)
        await fill(store)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
