"""The demo's parts: corpus, publisher, comparison and display."""

import asyncio
import io
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import pytest
from rich.console import Console
from sqlalchemy import select

from consumer.event import CommentEvent, parse
from liuyan.demo.corpus import PLATFORMS, events, read_comments
from liuyan.demo.display import FIXED_LINES, LineDisplay, picture
from liuyan.demo.errors import DemoError
from liuyan.demo.figures import Comparison, Figures, LabelledText, compare, read_figures
from liuyan.demo.programs import Program
from liuyan.demo.publisher import MAXIMUM_LAG, Publisher
from liuyan.demo.scene import Rate, Samples, Scene
from local_stack.embedded import EmbeddedBroker
from store.audit import Actor
from store.batch import Label, PartitionKey
from store.migrate import migrate
from store.partitions import begin_partition
from store.promotion import promote_model
from store.store import Store
from store.tables import comments
from tests.registry.two_models import two_models
from tests.waiting import eventually

pytestmark = pytest.mark.programs

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)


def test_published_events_are_valid_and_unique() -> None:
    corpus = read_comments()
    published = list(islice(events(1, NOW), len(corpus) + 10))
    timestamp = int(NOW.timestamp() * 1000)
    parsed = [parse(event.key, event.value, timestamp) for event in published]
    comments = [event for event in parsed if isinstance(event, CommentEvent)]
    assert len(comments) == len(published)
    assert {comment.text for comment in comments} == set(corpus)
    assert {comment.platform for comment in comments} == set(PLATFORMS)
    assert len({(event.platform, event.id) for event in published}) == len(published)


def test_seed_determines_the_order() -> None:
    assert list(islice(events(1, NOW), 50)) == list(islice(events(1, NOW), 50))
    assert list(islice(events(1, NOW), 50)) != list(islice(events(2, NOW), 50))


@pytest.mark.parametrize(("lag", "publishes"), [(0, True), (MAXIMUM_LAG, False)])
async def test_publisher_waits_while_the_lag_is_high(lag: int, publishes: bool) -> None:
    with EmbeddedBroker() as broker:
        publisher = Publisher(broker.bootstrap, "comments", events(1, NOW), rate=500, lag=lambda: lag)
        stop = asyncio.Event()
        publishing = asyncio.create_task(publisher.run(stop))
        await asyncio.sleep(1)
        stop.set()
        await publishing
    assert bool(publisher.published) is publishes
    assert publisher.waiting is not publishes
    assert len(publisher.published) <= 600


@pytest.mark.parametrize(
    ("comparison", "exactly_once"),
    [
        (Comparison(published=5, stored=5, missing=0, duplicated=0, dead=0), True),
        (Comparison(published=5, stored=4, missing=1, duplicated=0, dead=0), False),
        (Comparison(published=5, stored=5, missing=0, duplicated=1, dead=0), False),
        (Comparison(published=5, stored=5, missing=0, duplicated=0, dead=1), False),
        (Comparison(published=5, stored=6, missing=0, duplicated=0, dead=0), False),
    ],
)
def test_exactly_once_requires_all_counts_to_match(comparison: Comparison, exactly_once: bool) -> None:
    assert comparison.exactly_once is exactly_once


async def test_comments_that_are_not_stored_are_missing(tmp_path: Path) -> None:
    async with Store.open(f"sqlite+aiosqlite:///{tmp_path / 'empty.db'}") as store:
        await migrate(store.engine, lambda _: None)
        comparison = await compare(store, {("forum", "1"), ("forum", "2")})
        for topic, offset in (("comments", 3), ("detect", 0)):
            await store.write(begin_partition, PartitionKey("liuyan", topic, 0), offset, None)
        assert await read_figures(store, "comments") == Figures(offsets={0: 3})
    assert str(comparison) == "published 2 stored 0 missing 2 duplicated 0 dead 0"
    assert not comparison.exactly_once


async def test_figures_count_a_comment_with_labels_of_two_models_once(tmp_path: Path) -> None:
    async with Store.open(f"sqlite+aiosqlite:///{tmp_path / 'two.db'}") as store:
        await migrate(store.engine, lambda _: None)
        await store.check_ready(b"a key for tests only")
        both = await two_models(store, tmp_path, 30)
        before = await read_figures(store, "comments")
        await store.write(promote_model, Actor(7, "wang", "command", None), both.new.number, both.old.number)
        after = await read_figures(store, "comments")
        async with store.reading() as connection:
            published = {(row.platform, row.id) for row in await connection.execute(select(comments))}
        comparison = await compare(store, published)
    positive = [sum(pair[which] >= 0.5 for pair in both.probabilities.values()) for which in (0, 1)]
    assert [before.positive, after.positive] == positive
    assert [(one.stored, one.positive + one.negative) for one in (before, after)] == [(30, 30)] * 2
    assert str(comparison) == "published 30 stored 30 missing 0 duplicated 0 dead 0"


def test_log_of_an_ended_program_is_quoted(tmp_path: Path) -> None:
    program = Program(["consumer", "run"], {}, tmp_path)
    assert eventually(lambda: not program.running, seconds=30)
    with pytest.raises(
        DemoError, match=r"(?s)`liuyan consumer run` ended unexpectedly.*LIUYAN_DATABASE_URL is not set"
    ):
        program.check()
    program.stop()


def scene(samples: int) -> Scene:
    text = LabelledText("support", "物流很快，" * 60, Label.POSITIVE, 0.97, False)
    figures = Figures(stored=1_000, positive=620, negative=380)
    return Scene(
        "embedded broker, SQLite",
        "running",
        71.4,
        1_234,
        234,
        301.4,
        figures,
        (text,) * samples,
        "http://a",
        "abcd-efgh",
        "demo.env",
    )


@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 40), (60, 15)])
@pytest.mark.parametrize("samples", [0, 3, 60])
def test_picture_fits_the_terminal(width: int, height: int, samples: int) -> None:
    console = Console(width=width, height=height, file=io.StringIO(), force_terminal=True)
    lines = console.render_lines(picture(scene(samples), height - FIXED_LINES), pad=False)
    text = ["".join(segment.text for segment in line) for line in lines]
    assert height - 1 <= len(text) <= height
    assert "1:11" in text[0]
    assert text[3].split() == ["1,234", "1,000", "234", "301"]
    assert "62.0%" in text[5]
    assert text[-2].split() == ["http://a/admin", "http://a/docs", "settings", "demo.env"]
    assert text[-1].split() == ["name", "demo", "password", "abcd-efgh", "Ctrl-C", "to", "stop"]
    assert sum("物流很快" in line for line in text) == min(samples, height - FIXED_LINES)


def test_output_without_a_terminal_is_plain_lines() -> None:
    output = io.StringIO()
    with LineDisplay(Console(file=output, width=80, highlight=False)) as display:
        display.show(scene(1))
        display.show(scene(1))
    stack, first, admin, api, settings, counts = output.getvalue().splitlines()
    assert stack == " 71.4 s  embedded broker, SQLite"
    assert first.startswith(" 71.4 s  first labelled comment: positive 0.97 物流很快，")
    assert admin == " 71.4 s  admin app at http://a/admin (name demo, password abcd-efgh)"
    assert api == " 71.4 s  API at http://a, documented at http://a/docs"
    assert settings == " 71.4 s  settings for other terminals in demo.env"
    assert counts == " 71.4 s  running: published 1,234 stored 1,000 lag 234, 301 comments/s, 62% positive"


def test_rate_covers_the_last_seconds() -> None:
    rate = Rate()
    assert rate.measure(0.0, 0) == 0
    assert rate.measure(1.0, 100) == 100
    assert rate.measure(10.0, 1_000) == 0
    assert rate.measure(11.0, 1_500) == 500


def test_samples_are_rate_limited() -> None:
    texts = [LabelledText("forum", str(number), Label.NEGATIVE, 0.2, True) for number in range(9)]
    samples = Samples(seed=1)
    samples.add(0.0, texts)
    samples.add(0.1, texts)
    assert len(samples.newest_first()) == 1
    for second in range(1, 30):
        samples.add(float(second), texts)
    assert sorted(text.text for text in samples.newest_first()) == [str(number) for number in range(9)]
