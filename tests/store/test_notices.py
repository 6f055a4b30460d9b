"""Notices are shown between their start and end, and every change is audited, on every database."""

from datetime import timedelta

from store.audit import Actor, AuditFilter, list_records
from store.notices import (
    NoticeState,
    NoticeText,
    add_notice,
    current_notices,
    delete_notice,
    edit_notice,
    list_notices,
    read_notice,
    restore_notice,
    withdraw_notice,
)
from store.overview import consumer_health
from store.partitions import pause_partition
from store.store import Store
from tests.store.feed import PARTITION, START, dead_letter, feed_of, minutes

WANG = Actor(7, "wang", "session", None)
BODY = "好" * 20_000


def text(title: str = "维护 👍", *, pinned: bool = False, begins: float = 0, ends: float | None = None) -> NoticeText:
    return NoticeText(title, BODY, pinned, minutes(begins), None if ends is None else minutes(ends))


async def titles(store: Store, at: float) -> list[str]:
    return [notice.title for notice in await store.read(current_notices, minutes(at))]


async def test_a_notice_is_shown_from_start_to_end(store: Store) -> None:
    added = await store.write(add_notice, WANG, text(begins=1, ends=2))
    assert (added.title, added.body, added.created_by, added.edited_at) == ("维护 👍", BODY, "wang", None)
    assert [await titles(store, at) for at in (0.99, 1, 1.99, 2)] == [[], ["维护 👍"], ["维护 👍"], []]
    states = [added.state(minutes(at)) for at in (0, 1, 2)]
    assert states == [NoticeState.SCHEDULED, NoticeState.CURRENT, NoticeState.ENDED]


async def test_pinned_notices_come_first_then_the_latest(store: Store) -> None:
    for title, pinned, begins in (("a", False, 0), ("b", True, 0), ("c", False, 1), ("d", True, -1)):
        await store.write(add_notice, WANG, text(title, pinned=pinned, begins=begins))
    assert await titles(store, 5) == ["b", "d", "c", "a"]
    page = await store.read(list_notices, limit=3)
    assert ([notice.title for notice in page.items], page.next) == (["d", "c", "b"], page.items[-1].number)
    assert [notice.title for notice in (await store.read(list_notices, before=page.next)).items] == ["a"]


async def test_a_withdrawn_notice_is_hidden_until_it_is_restored(store: Store) -> None:
    number = (await store.write(add_notice, WANG, text())).number
    withdrawn = await store.write(withdraw_notice, WANG, number)
    assert withdrawn is not None
    assert withdrawn.state(START) is NoticeState.WITHDRAWN
    assert await store.write(withdraw_notice, WANG, number) == withdrawn
    assert await titles(store, 1) == []
    edited = await store.write(edit_notice, WANG, number, text("anders", ends=9))
    assert edited is not None
    assert (edited.title, edited.edited_by, edited.withdrawn_at) == ("anders", "wang", withdrawn.withdrawn_at)
    await store.write(restore_notice, WANG, number)
    assert await titles(store, 1) == ["anders"]
    assert await store.write(delete_notice, WANG, number)
    async with store.reading() as connection:
        records = (await list_records(connection, AuditFilter(object_kind="notice"), None, 9)).items
    assert [one.action.removeprefix("notice.") for one in records] == ["delete", "restore", "edit", "withdraw", "add"]


async def test_a_missing_notice_is_not_changed(store: Store) -> None:
    assert await store.read(read_notice, 5) is None
    assert await store.write(edit_notice, WANG, 5, text()) is None
    assert await store.write(withdraw_notice, WANG, 5) is None
    assert await store.write(restore_notice, WANG, 5) is None
    assert not await store.write(delete_notice, WANG, 5)
    async with store.reading() as connection:
        assert (await list_records(connection, AuditFilter(), None, 9)).items == []


async def test_consumer_health_is_computed_from_partitions(store: Store) -> None:
    assert (await store.read(consumer_health)).moved_at is None
    feed = await feed_of(store)
    await feed.send(dead_letter())
    health = await store.read(consumer_health)
    assert (health.followed, health.paused, health.records_lost) == (1, 0, 0)
    assert health.moved_at is not None
    await store.write(pause_partition, PARTITION, "too much poison")
    paused = await store.read(consumer_health)
    assert paused.paused == 1
    assert paused.moved_at is not None
    assert paused.moved_at - health.moved_at < timedelta(minutes=1)
