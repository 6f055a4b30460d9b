"""After the erasure of an account or an author, nothing in the database names the person."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update

from store import account_erasure, notices
from store.account_erasure import erase_account
from store.accounts import NoAccountError
from store.admin_tables import api_tokens, audit_log, metadata, sessions, users
from store.audit import Actor, record
from store.author_erasures import ErasureState, list_erasures
from store.authors import Author, names_author
from store.batch import Label
from store.comments import ShownLabel
from store.dead_letter_admin import discard
from store.model_tables import active_model
from store.notices import NoticeText
from store.person_export import export_account, export_author
from store.reviews import Opinion, add_review
from store.store import Store
from store.tables import reviews
from tests.store.feed import START, Feed, arrival, dead_letter, microseconds, minutes

NAME = "王小明"
ADDRESS = "192.0.2.77"
WANG = Actor(7, NAME, "session", ADDRESS)
ADMIN = Actor(8, "小管", "session", None)


async def add_account(store: Store, number: int = 7, name: str = NAME) -> None:
    now = datetime.now(UTC)
    async with store.writing() as session:
        values = {"number": number, "name": name, "name_folded": name, "password_hash": "-", "role": "reviewer"}
        await session.connection.execute(
            users.insert().values(**values, state="active", created_at=now, password_changed_at=now)
        )
        times = {"created_at": now, "expires_at": now + timedelta(days=1)}
        digest = func.from_base64("A" * 43 + "=")
        await session.connection.execute(
            sessions.insert().values(digest=digest, user_number=number, seen_at=now, address=ADDRESS, **times)
        )
        token = {"user_number": number, "name": "t", "role": "user"}
        await session.connection.execute(api_tokens.insert().values(digest=digest, **token, **times))


async def everything(store: Store) -> str:
    """Return all values of all tables as one text."""
    parts = []
    async with store.reading() as connection:
        for table in metadata.sorted_tables:
            for row in await connection.execute(select(table)):
                values = (value.decode(errors="replace") if isinstance(value, bytes) else value for value in row)
                parts.append(f"{table.name}: {' | '.join(map(str, values))}")
    return "\n".join(parts)


async def leave_traces(feed: Feed) -> None:
    """Do everything that stores a name."""
    store = feed.store
    await feed.send(arrival("1"), arrival("2"), dead_letter(2, b"forum:3", b"{}"))
    await add_review(store, WANG, Opinion("forum", "1", microseconds(minutes(0)), ShownLabel.NEGATIVE))
    await add_review(store, ADMIN, Opinion("forum", "2", microseconds(minutes(0)), ShownLabel.SPAM))
    await store.write(notices.add_notice, WANG, NoticeText("通知", "", False, START, None))
    await store.write(record, ADMIN, "user.create", "user", "7", {"name": NAME, "role": "reviewer"})
    await store.write(record, WANG, "user.edit", "user", "7", {"name": ["old", NAME], "language": ["en", "zh"]})
    async with store.reading() as connection:
        letter = (await connection.execute(select(func.max(metadata.tables["dead_letters"].c.number)))).scalar_one()
    await store.write(discard, [letter], WANG)
    async with store.writing() as session:
        await session.connection.execute(update(active_model).values(activated_by=NAME))


async def test_nothing_names_an_erased_account(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account_erasure, "STEP", 1)
    store = feed.store
    await add_account(store)
    await add_account_without_sign_in(store)
    await leave_traces(feed)
    assert NAME in await everything(store)
    erased = await erase_account(store, ADMIN, 7)
    left = [line for line in (await everything(store)).splitlines() if NAME in line or ADDRESS in line]
    # Only the request to erase the texts from text detection, until a consumer has finished it.
    assert [line.partition(":")[0] for line in left] == ["author_erasures"]
    [request] = await store.read(list_erasures)
    assert (request.number, request.platform, request.author) == (erased.request, "detect", NAME)
    assert request.state is ErasureState.REQUESTED
    async with store.reading() as connection:
        rows = await connection.execute(select(reviews.c.reviewer, reviews.c.label).order_by(reviews.c.number))
        assert [tuple(row) for row in rows] == [("erased account 7", "negative"), ("小管", "spam")]
        details = await connection.execute(select(audit_log.c.detail).where(audit_log.c.action == "user.edit"))
        assert json.loads(details.scalar_one()) == {"language": ["en", "zh"]}
    with pytest.raises(NoAccountError):
        await erase_account(store, ADMIN, 7)


async def add_account_without_sign_in(store: Store) -> None:
    now = datetime.now(UTC)
    values = {"number": 8, "name": "小管", "name_folded": "小管", "password_hash": "-", "role": "admin"}
    async with store.writing() as session:
        await session.connection.execute(
            users.insert().values(**values, state="active", created_at=now, password_changed_at=now)
        )


async def test_the_export_of_an_account_has_everything(feed: Feed) -> None:
    store = feed.store
    await add_account(store)
    await leave_traces(feed)
    await feed.send(arrival("text", platform="detect", author=NAME))
    user = await store.read(_find_user)
    records = [one async for one in export_account(store, user, {"phone": "123"})]
    kinds = [one["kind"] for one in records]
    assert sorted(set(kinds)) == ["account", "audit", "comment", "review", "session", "token"]
    assert (records[0]["name"], records[0]["phone"]) == (NAME, "123")
    assert not any("digest" in one for one in records)
    assert json.loads(json.dumps(records)) == records


async def _find_user(connection: Any) -> Any:
    from store.accounts import find_user

    return await find_user(connection, 7)


async def test_the_export_of_an_author_has_everything(feed: Feed) -> None:
    store = feed.store
    await feed.send(
        arrival("1"),
        arrival("1", "改了", edited=5, label=Label.NEGATIVE),
        arrival("2", author="别人"),
        dead_letter(9, b"forum:9", '{"author": "小王", "platform": "forum"}'.encode()),
    )
    await add_review(store, WANG, Opinion("forum", "1", microseconds(minutes(5)), ShownLabel.SPAM))
    records = [one async for one in export_author(store, Author("forum", "小王"))]
    assert [one["kind"] for one in records] == ["comment", "dead_letter"]
    comment = records[0]
    assert (comment["id"], comment["text"]) == ("1", "改了")
    assert [one["text"] for one in comment["versions"]] == ["味道不错"]
    assert [(one["model"], one["label"]) for one in comment["predictions"]] == [("model a", "negative")]
    assert [one["label"] for one in comment["reviews"]] == ["spam"]
    assert json.loads(json.dumps(records)) == records
    assert [one async for one in export_author(store, Author("desk", "小王"))] == []


@pytest.mark.parametrize(
    ("key", "value", "named"),
    [
        (b"forum:1", '{"author": "小王"}'.encode(), True),
        (b"forum:1", b'{"author": "\\u5c0f\\u738b"}', True),
        (None, '{"platform": "forum", "author": "小王"}'.encode(), True),
        (b"forum:1", b"\x00\x00\x00\x00\x07" + '{"author": "小王"}'.encode(), True),
        (b"forum:1", '{"author": "小王", "text": '.encode(), True),
        (b"forum:1", b'{"author" : "\\u5C0F\\u738B", ', True),
        (b"desk:1", '{"author": "小王"}'.encode(), False),
        (b"forum:1", '{"author": "小王明"}'.encode(), False),
        (b"forum:1", '{"text": "小王"}'.encode(), False),
        (b"forum:1", '{"author": "小王明", "text": '.encode(), False),
        (b"forum:1", b"\xff\xfe", False),
        (b"forum:1", None, False),
        (b"forum:1", b"[" * 100_000, False),
    ],
)
def test_dead_letters_that_name_an_author(key: bytes | None, value: bytes | None, named: bool) -> None:
    assert names_author(Author("forum", "小王"), key, value) is named
