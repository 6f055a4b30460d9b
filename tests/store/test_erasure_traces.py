"""What an erasure leaves behind: no dead letter that names the comment, and only a digest in the audit log."""

import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, text, update

from liuyan.errors import UsageError
from store.admin_tables import audit_log, stored_keys
from store.audit import Actor, AuditFilter, list_records
from store.comments import ShownLabel, comment_history
from store.dead_letter_admin import (
    DeadLetterFilter,
    DeadLetterState,
    delete,
    delete_all,
    discard,
    expire,
    list_dead_letters,
    requeue,
)
from store.dead_letters import comment_digest, key_digest
from store.migrate import migrate
from store.named_comment import PARSED_BYTES, named_comment
from store.reviews import Opinion, add_review, undo_review
from store.store import Store
from store.tables import comments, dead_letters, outbox, reviews
from tests.store.feed import Feed, arrival, dead_letter, microseconds, minutes, tombstone

EVERYTHING = DeadLetterFilter(states=frozenset())
WANG = Actor(7, "小王", "session", "192.0.2.7", token_number=None)
NAMED = b'{"platform": "forum", "id": "1", "text": 5}'


@pytest.mark.parametrize(
    ("value", "key"),
    [
        (NAMED, b"forum:1"),
        (b"\0\0\0\0\x07" + NAMED, b"forum:1"),
        ('{"id": "帖子-1", "platform": "forum"'.encode(), "forum:帖子-1".encode()),
        (b'{"id": 17, "platform": "forum"}', b"forum:17"),
        (b'{"platform": "forum", "id": 17, "text": ', b"forum:17"),
        (b'[{"platform": "forum", "id": "1"}]', b"forum:1"),
        (json.dumps(NAMED.decode()).encode(), b"forum:1"),
        (NAMED.decode().encode("utf-16"), b"forum:1"),
        (b'{"platform": "forum", "id": "a\\"b", "text": "\xff"}', b'forum:a"b'),
        (b'{"platform": "forum", "id": "1", "x": ' + b"[" * 100_000, b"forum:1"),
        (b'{"platform": "forum", "id": "1", "text": "' + b"x" * PARSED_BYTES * 2 + b'"}', b"forum:1"),
        (b'{"platform": "forum", "id": 1.5}', None),
        (b'{"platform": "forum", "id": true}', None),
        (b'{"platform": ["forum"], "id": "1"}', None),
        (b'{"id": "1"}', None),
        (b"\xff\xfe\xfd", None),
        (b"", None),
        (b'{"platform": "forum", "id": ' + b'"\\' * 5_000, None),
    ],
    ids=range(18),
)
def test_the_comment_that_a_value_names(value: bytes, key: bytes | None) -> None:
    assert named_comment(b"forum:2", value) == key


def test_a_framed_key_of_a_record_without_value_names_its_comment() -> None:
    assert named_comment(b"\0\0\0\0\x07forum:1", None) == b"forum:1"
    assert named_comment(b"forum:1", None) is None
    assert named_comment(None, None) is None


async def left(feed: Feed) -> list[int]:
    """Return the offsets of the stored dead letters."""
    return [one.offset for one in reversed(await feed.store.read(list_dead_letters, EVERYTHING, 100))]


async def test_a_tombstone_deletes_dead_letters_whose_value_names_the_comment(feed: Feed) -> None:
    await feed.send(
        dead_letter(0, b"forum:2", NAMED),
        dead_letter(1, None, NAMED),
        dead_letter(2, b"forum:1", b"{"),
        dead_letter(3, b"forum:2", b'{"platform": "forum", "id": "2"}'),
        dead_letter(4, b"forum:11", b'{"platform": "forum", "id": "11"}'),
    )
    found = await feed.store.read(comment_history, "forum", "1")
    assert found is not None
    assert len(found.dead_letters) == 3
    await feed.send(tombstone(at=10))
    assert await left(feed) == [3, 4]


async def test_a_tombstone_in_the_same_batch_deletes_them_too(feed: Feed) -> None:
    await feed.send(dead_letter(0, b"forum:2", NAMED), tombstone(at=10), dead_letter(2, b"forum:2", NAMED))
    assert await left(feed) == [2]


async def test_a_large_dead_letter_is_found_by_its_whole_value(feed: Feed) -> None:
    value = b'{"text": "' + b"x" * 10_000 + b'", "platform": "forum", "id": "1"}'
    await feed.send(dead_letter(0, b"forum:2", value), truncate=True)
    await feed.send(tombstone(at=10))
    assert await left(feed) == []


async def test_dead_letters_are_deleted_with_their_messages(feed: Feed) -> None:
    await feed.send(*(dead_letter(offset) for offset in range(3)))
    third, second, first = (one.number for one in await feed.store.read(list_dead_letters, EVERYTHING, 10))
    await feed.store.write(requeue, [first], WANG)
    await feed.store.write(discard, [second], WANG)
    with pytest.raises(UsageError, match="There is no dead letter 999999"):
        await feed.store.write(delete, [first, 999_999], WANG)
    assert await left(feed) == [0, 1, 2]
    assert await feed.store.write(delete, [first], WANG) == 1
    assert await delete_all(feed.store, DeadLetterFilter(states=frozenset({DeadLetterState.DISCARDED})), WANG) == 1
    async with feed.store.reading() as connection:
        assert (await connection.execute(select(outbox.c.number))).all() == []
        records = (await list_records(connection, AuditFilter(action="dead_letter.delete"), None, 10)).items
    assert [one.object_id for one in records] == [str(second), str(first)]
    assert [one.number for one in await feed.store.read(list_dead_letters, EVERYTHING, 10)] == [third]


async def test_old_dead_letters_expire_in_any_state(feed: Feed) -> None:
    await feed.send(*(dead_letter(offset) for offset in range(450)))
    now = datetime.now(UTC)
    async with feed.store.writing() as session:
        old = update(dead_letters).where(dead_letters.c.offset < 440).values(stored_at=now - timedelta(days=31))
        await session.connection.execute(old)
    assert await expire(feed.store, now - timedelta(days=30), WANG) == 440
    assert await expire(feed.store, now - timedelta(days=30), WANG) == 0
    assert await left(feed) == list(range(440, 450))
    async with feed.store.reading() as connection:
        [record] = (await list_records(connection, AuditFilter(action="dead_letter.expire"), None, 10)).items
    assert record.detail["deleted"] == 440


async def test_the_audit_log_names_a_comment_only_by_a_digest(feed: Feed) -> None:
    await feed.send(arrival(id="post-1"), arrival(id="post-2"))
    opinion = Opinion("forum", "post-1", microseconds(minutes(0)), ShownLabel.NEGATIVE)
    await add_review(feed.store, WANG, opinion)
    await undo_review(feed.store, WANG, "forum", "post-1")
    async with feed.store.reading() as connection:
        rows = (await connection.execute(select(audit_log))).all()
        assert "post-1" not in str(rows)
        assert {len(row.object_id) for row in rows} == {64}
        found = (await list_records(connection, AuditFilter(object_id="forum:post-1"), None, 10)).items
        assert [one.action for one in found] == ["review.undo", "review.add"]
        assert (await list_records(connection, AuditFilter(object_id="forum:post-2"), None, 10)).items == []
        same = AuditFilter(object_kind="comment", object_id=found[0].object_id)
        assert len((await list_records(connection, same, None, 10)).items) == 2


OLD_ROWS = (
    "INSERT INTO audit_log (number, at, user_name, via, action, object_kind, object_id, detail) VALUES "
    "(1, '2026-01-31 22:30:00.000000', 'wang', 'session', 'review.add', 'comment', 'forum:a:1', '{}'), "
    "(2, '2026-01-31 22:30:00.000000', 'wang', 'session', 'user.edit', 'user', '3', '{}')"
)


async def _labelled_by(store: Store, number: int, role: str, comment: int) -> None:
    """Insert an account, and a review by it of a comment of the platform `detect`, at revision 0014."""
    time = "'2026-01-31 22:30:00.000000'"
    async with store.engine.begin() as connection:
        await connection.execute(
            text(
                "INSERT INTO users (number, name, name_folded, password_hash, role, state, created_at, "
                f"password_changed_at) VALUES ({number}, '{role}', '{role}', 'x', '{role}', 'active', {time}, {time})"
            )
        )
        await connection.execute(
            text(
                "INSERT INTO comments (number, platform, id, text, version, created_at, stored_at, changed_at, "
                f"claimed_by) VALUES ({comment}, 'detect', '{comment}', 'x', 1, {time}, {time}, {time}, 1)"
            )
        )
        await connection.execute(
            text(
                "INSERT INTO reviews (comment_number, comment_version, text, label, reviewer, reviewer_number, "
                f"reviewed_at) VALUES ({comment}, 1, 'x', 'positive', '{role}', {number}, {time})"
            )
        )


@pytest.mark.parametrize("interrupted", [False, True])
async def test_an_upgrade_finds_old_dead_letters_audit_records_and_labels(
    every_database_url: str, interrupted: bool
) -> None:
    async with Store.open(every_database_url, lock_wait_seconds=60) as store:
        await migrate(store.engine, lambda step: None, to="0014")
        letter = (
            "INSERT INTO dead_letters (consumer_group, topic, `partition`, `offset`, `key`, value, headers, truncated, "
            "record_timestamp, reason, detail, stored_at) VALUES ('liuyan', 'comments', 0, :offset, "
            "from_base64('Zm9ydW06Mg=='), from_base64(:value), '[]', 0, 0, 'x', 'x', '2026-01-31 22:30:00.000000')"
        )
        async with store.engine.begin() as connection:
            values = [("eyJwbGF0Zm9ybSI6ImZvcnVtIiwiaWQiOiIxIn0=", n) for n in range(120)] + [("ew==", 120)]
            await connection.execute(text(letter), [{"value": value, "offset": n} for value, n in values])
            await connection.execute(text(OLD_ROWS))
        await _labelled_by(store, 1, "user", 1)
        await _labelled_by(store, 2, "reviewer", 2)
        await migrate(store.engine, lambda step: None)
        if interrupted:
            async with store.engine.begin() as connection:
                await connection.execute(text("UPDATE alembic_version SET version_num = '0014'"))
                await connection.execute(text("UPDATE dead_letters SET comment_digest = NULL WHERE `offset` > 50"))
                await connection.execute(text("UPDATE reviews SET by_user = 0"))
            await migrate(store.engine, lambda step: None)
        async with store.reading() as connection:
            query = select(dead_letters.c.comment_digest).order_by(dead_letters.c.offset)
            digests = (await connection.execute(query)).scalars().all()
            assert [one and bytes(one) for one in digests] == [key_digest(b"forum:1")] * 120 + [None]
            assert comment_digest(None, NAMED) == key_digest(b"forum:1")
            ids = (await connection.execute(select(audit_log.c.object_id).order_by(audit_log.c.number))).scalars().all()
            assert re.fullmatch("[0-9a-f]{64}", ids[0])
            assert ids[1] == "3"
            found = (await list_records(connection, AuditFilter(object_id="forum:a:1"), None, 10)).items
            assert [one.number for one in found] == [1]
            by_user = select(comments.c.id, reviews.c.by_user).join_from(reviews, comments)
            assert {row.id: row.by_user for row in await connection.execute(by_user)} == {"1": True, "2": False}
            assert len((await connection.execute(select(stored_keys.c.name))).all()) == 1
