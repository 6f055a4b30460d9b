"""Test that the audit's interval covers a model's true accuracy, whatever other reviews its comments get.

As in practice, reviewers prefer comments on which the model is often wrong: they work through the uncertain queue,
decide texts that two comments share, review in bulk and correct single comments on their pages. Each run uses a
separate platform.
"""

import random
from collections.abc import Sequence

import pytest

from store.analytics import CountFilter
from store.audit import Actor
from store.batch import Arrival, Label
from store.comments import ShownLabel
from store.corrections import audit_accuracy
from store.group_decisions import decide_group, take_steps
from store.intervals import wilson
from store.queue import next_tasks
from store.reviews import Opinion, add_review, add_reviews, add_within
from store.routes import QueueOrder
from store.search import CommentFilter, list_comments
from store.store import Store
from store.tasks import Task
from tests.store.conftest import empty_store
from tests.store.feed import Feed, arrival, earlier, feed_of, send_sampled

COMMENTS, SAMPLED, AUDITED = 100, 0.6, 40
# The share of comments with an uncertain prediction, and the accuracy on these and on the others.
UNCERTAIN, RIGHT_UNCERTAIN, RIGHT_SURE = 0.3, 0.6, 0.95
ACCURACY = UNCERTAIN * RIGHT_UNCERTAIN + (1 - UNCERTAIN) * RIGHT_SURE
# The number of texts that two comments share. Both comments have the same true label and the same prediction.
PAIRS = 10
COVERED_AT_LEAST = 0.93
LI, WANG = (Actor(number, f"审{number}", "session", None) for number in (7, 8))


class Life:
    """A platform's comments with their true labels, which the reviewers know and the model does not."""

    def __init__(self, platform: str, chance: random.Random) -> None:
        self.platform = platform
        self.chance = chance
        self.wanted = CommentFilter(platform=platform)
        self.truth: dict[str, ShownLabel] = {}
        self.copied = 0

    def comments(self) -> list[Arrival]:
        texts = COMMENTS - PAIRS
        found = [self._comment(str(n), f"{self.platform} {n}") for n in range(texts)]
        for n, of in enumerate(self.chance.sample(range(texts), PAIRS), texts):
            found.append(found[of]._replace(id=str(n)))
            self.truth[str(n)] = self.truth[str(of)]
        return found

    def _comment(self, id: str, text: str) -> Arrival:
        uncertain, positive = self.chance.random() < UNCERTAIN, self.chance.random() < 0.5
        right = self.chance.random() < (RIGHT_UNCERTAIN if uncertain else RIGHT_SURE)
        self.truth[id] = ShownLabel.POSITIVE if positive is right else ShownLabel.NEGATIVE
        distance = self.chance.random() * 0.2 if uncertain else 0.2 + self.chance.random() * 0.3
        return arrival(
            id,
            text,
            platform=self.platform,
            author=None,
            label=Label.POSITIVE if positive else Label.NEGATIVE,
            probability=0.5 + distance if positive else 0.5 - distance,
            uncertain=uncertain,
        )

    def opinions(self, tasks: Sequence[Task], *, blind: bool = False) -> list[Opinion]:
        return [
            Opinion(self.platform, one.id, one.version, self.truth[one.id], blind=blind)
            for one in (task.comment for task in tasks)
        ]

    async def review(self, store: Store) -> None:
        """Review uncertain comments from the queue, some wrong ones on their pages, and certain ones in bulk."""
        uncertain = await next_tasks(store, 7, QueueOrder.UNCERTAIN, self.wanted, 8, now=earlier())
        shared = [task for task in uncertain.items if (task.occurrences or 1) > 1]
        async with store.writing() as session:
            await add_within(session, LI, self.opinions([task for task in uncertain.items if task not in shared]))
        for opinion in self.opinions(shared):
            await decide_group(store, LI, opinion)
        while (await take_steps(store)).taken:
            self.copied += 1
        listed = (await store.read(list_comments, self.wanted, None, COMMENTS)).items
        wrong = [one for one in listed if one.label != self.truth[one.id]][:2]
        for one in wrong:
            await add_review(store, WANG, Opinion(self.platform, one.id, one.version, self.truth[one.id]))
        sure = [one for one in listed if one.uncertain is False][:40]
        many = [Opinion(self.platform, one.id, one.version, self.truth[one.id]) for one in sure]
        await add_reviews(store, LI, many)

    async def audit(self, store: Store) -> None:
        """Decide the first AUDITED comments of the audit as a third reviewer."""
        found = await next_tasks(store, 9, QueueOrder.AUDIT, self.wanted, AUDITED, now=earlier())
        async with store.writing() as session:
            auditor = Actor(9, "审9", "session", None)
            await add_within(session, auditor, self.opinions(found.items, blind=True))

    async def covers(self, store: Store) -> bool:
        [judged] = await store.read(audit_accuracy, CountFilter(platform=self.platform))
        assert judged.judged == AUDITED
        low, high = wilson(judged.right, judged.judged)
        return low <= ACCURACY <= high


@pytest.mark.seconds
@pytest.mark.timeout(300)
@pytest.mark.parametrize("store_kind", ["sqlite"])
@pytest.mark.parametrize("runs", [60, pytest.param(200, marks=pytest.mark.long)])
async def test_the_audit_covers_the_true_accuracy_in_95_percent_of_runs(store_url: str, runs: int) -> None:
    chance = random.Random(21)
    lives = [Life(f"p{n}", chance) for n in range(runs)]
    async with await empty_store(store_url) as store:
        feed: Feed = await feed_of(store)
        for first in range(0, runs, 20):
            events = [event for life in lives[first : first + 20] for event in life.comments()]
            await send_sampled(feed, *events, share=SAMPLED)
        covered = 0
        for life in lives:
            await life.review(store)
            await life.audit(store)
            covered += await life.covers(store)
    assert covered / runs >= COVERED_AT_LEAST
    assert sum(life.copied for life in lives) >= runs / 10
