"""Everything that is stored about a person, as records for JSON lines.

Records are read in pages, each in a transaction of its own, so that an export of any size blocks nobody.
"""

import base64
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Column, ColumnElement, Row, Table, and_, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from liuyan.settings import DETECTION_PLATFORM
from store.accounts import User
from store.admin_tables import api_tokens, audit_log, identities, second_factors, sessions
from store.authors import Author, AuthoredComment, comments_of, letters_naming
from store.models import read_models
from store.review_tables import blind_decisions
from store.store import Store
from store.tables import comment_versions, comments, dead_letters, predictions, reviews

PAGE = 100
# Where another account's request came from is personal data of its owner.
OTHERS_REQUEST = {"address": None, "request_id": None, "token_number": None}
Record = dict[str, Any]
# Columns that mean nothing to people, in addition to the secrets.
INTERNAL = frozenset({"claimed_by"})
# How the names of columns end that hold secrets, encrypted or as digests.
SECRET = ("_encrypted", "_hash", "digest")

OF_ACCOUNT = {"identity": identities, "second_factor": second_factors, "session": sessions, "token": api_tokens}


async def export_author(store: Store, author: Author) -> AsyncIterator[Record]:
    """Yield the comments of an author with everything attached to them, and dead letters that name the author.

    Raises TransientStoreError.
    """
    after: AuthoredComment | None = None
    while found := await store.read(comments_of, author, after, PAGE):
        for record in await store.read(_comments, [comment.number for comment in found]):
            yield record
        after = found[-1]
    position: int | None = 0
    while position is not None:
        page = await store.read(letters_naming, author, position)
        for record in await store.read(_rows, "dead_letter", dead_letters, dead_letters.c.number.in_(page.numbers)):
            yield record
        position = page.read_to


async def export_account(store: Store, user: User, contacts: Record) -> AsyncIterator[Record]:
    """Yield an account with its ``contacts``, identity at the provider, second factor, sessions, tokens, reviews, own
    texts and records in the audit log. No record has a secret.

    Raises TransientStoreError.
    """
    fields = {name: getattr(user, name) for name in User.__dataclass_fields__ if _is_shown(name)}
    yield _record("account", fields | contacts)
    for kind, table in OF_ACCOUNT.items():
        for record in await store.read(_rows, kind, table, table.c.user_number == user.number):
            yield record
    async for record in _paged(store, "review", reviews, reviews.c.reviewer_number == user.number):
        yield record
    async for record in _paged(
        store, "blind_decision", blind_decisions, blind_decisions.c.reviewer_number == user.number
    ):
        yield record
    of = audit_log.c
    about = and_(of.object_kind == "user", of.object_id == str(user.number))
    async for record in _paged(store, "audit", audit_log, or_(of.user_number == user.number, about)):
        yield record if record["user_number"] in (user.number, None) else record | OTHERS_REQUEST
    async for record in export_author(store, Author(DETECTION_PLATFORM, user.name)):
        yield record


async def _comments(connection: AsyncConnection, numbers: Sequence[int]) -> list[Record]:
    names = {number: model.name for number, model in (await read_models(connection)).items()}
    attached: dict[int, dict[str, list[Record]]] = {number: {} for number in numbers}
    for name, table in (("versions", comment_versions), ("predictions", predictions), ("reviews", reviews)):
        key: Column[int] = table.c.comment_number
        for row in await connection.execute(select(table).where(key.in_(numbers)).order_by(*table.primary_key)):
            record = _fields(row)
            number = record.pop("comment_number")
            if "model_number" in record:
                record["model"] = names.get(record.pop("model_number"))
            attached[number].setdefault(name, []).append(record)
    rows = await connection.execute(select(comments).where(comments.c.number.in_(numbers)).order_by(comments.c.number))
    return [_record("comment", _fields(row) | attached[row.number]) for row in rows]


async def _paged(store: Store, kind: str, table: Table, condition: ColumnElement[bool]) -> AsyncIterator[Record]:
    number: Column[int] = table.c.number
    after = 0
    while page := await store.read(_rows, kind, table, and_(condition, number > after), PAGE):
        for record in page:
            yield record
        after = page[-1]["number"]


async def _rows(
    connection: AsyncConnection, kind: str, table: Table, condition: ColumnElement[bool], limit: int | None = None
) -> list[Record]:
    query = select(table).where(condition).order_by(*table.primary_key).limit(limit)
    return [_record(kind, _fields(row)) for row in await connection.execute(query)]


def _fields(row: Row[Any]) -> Record:
    return {name: value for name, value in row._mapping.items() if _is_shown(name)}


def _is_shown(column: str) -> bool:
    return column not in INTERNAL and not column.endswith(SECRET)


def _record(kind: str, fields: Record) -> Record:
    return {"kind": kind, **{name: _value(value) for name, value in fields.items()}}


def _value(value: object) -> object:
    """Return a value as JSON has it; bytes as text, or as base64 if they are not UTF-8."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return {"base64": base64.b64encode(value).decode()}
    if isinstance(value, dict):
        return {name: _value(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_value(one) for one in value]
    return value
