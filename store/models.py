"""The models registered in this database; the labels of the active one, at most one, are shown."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Row, Select, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from store.batch import ModelRow
from store.errors import StoreError
from store.model_files import set_files
from store.model_tables import ACTIVE_ROW, active_model
from store.packets import Result
from store.rows import built, columns_of
from store.session import WriteSession
from store.store import Store
from store.tables import models
from store.types import stored_time

COLUMNS: Select[Any] = select(
    *columns_of(models, ModelRow), active_model.c.model_number.is_not(None).label("is_active")
).outerjoin(active_model, active_model.c.model_number == models.c.number)


async def read_active(connection: AsyncConnection) -> ModelRow | None:
    """Return the active model, or None. Raises TransientStoreError."""
    row = (await connection.execute(COLUMNS.where(active_model.c.id == ACTIVE_ROW))).one_or_none()
    return None if row is None else _model(row)


async def lock_active(session: WriteSession) -> int | None:
    """Return the active model's number, or None, and keep it active until the transaction ends: a promotion waits.

    Other transactions may hold the same lock. Raises TransientStoreError.
    """
    [found] = await session.run_all([session.call(session.statements.lock_active)])
    return active_of(found)


def active_of(found: Result) -> int | None:
    """Return the model number in the result of ``Statements.lock_active``, or None."""
    return int(found.rows[0][0]) if found.rows else None


async def read_models(connection: AsyncConnection) -> dict[int, ModelRow]:
    """Return all models by number, oldest first. Raises TransientStoreError."""
    rows = await connection.execute(COLUMNS.order_by(models.c.number))
    return {model.number: model for model in map(_model, rows)}


async def register_model(
    store: Store,
    sha256: str,
    name: str,
    uncertain_low: float,
    uncertain_high: float,
    activate_if_first: bool = True,
    files: Mapping[str, bytes] | None = None,
) -> ModelRow:
    """Insert a model and its ``files`` if absent, and activate it if none is active. Safe to call concurrently.

    Raises StoreError.
    """
    model = (sha256, name, uncertain_low, uncertain_high)
    try:
        return await store.write(_register, model, activate_if_first, files)
    except StoreError as error:
        if not isinstance(error.__cause__, IntegrityError):
            raise
    return await store.write(_register, model, activate_if_first, files)  # Another model became active meanwhile.


async def _register(
    session: WriteSession,
    values: tuple[str, str, float, float],
    activate_if_first: bool,
    files: Mapping[str, bytes] | None,
) -> ModelRow:
    """Insert a model if it is absent, and activate it if none is active.

    Two concurrent calls may both find no active model. The second then violates the primary key of ``active_model``;
    its retry finds the first one's model active.
    """
    model = await add_model(session, *values)
    if files is not None:
        await set_files(session, model.number, files)
    if activate_if_first and await read_active(session.connection) is None:
        await activate(session, model.number, None, "first model")
        return await read_model(session.connection, model.number)
    return model


async def add_model(
    session: WriteSession, sha256: str, name: str, uncertain_low: float, uncertain_high: float
) -> ModelRow:
    """Insert a model if it is absent, and return its row. Raises TransientStoreError."""
    row = {"sha256": sha256, "name": name[:128], "uncertain_low": uncertain_low, "uncertain_high": uncertain_high}
    await session.run(session.statements.add_model, [row])
    return _model((await session.connection.execute(COLUMNS.where(models.c.sha256 == sha256))).one())


async def read_model(connection: AsyncConnection, number: int) -> ModelRow:
    """Return the model with this number, which must exist. Raises TransientStoreError."""
    return _model((await connection.execute(COLUMNS.where(models.c.number == number))).one())


async def make_available(session: WriteSession, number: int, name: str) -> None:
    """Name a registered model; a retired one becomes available again. Raises TransientStoreError."""
    values = {"name": name[:128], "retired_at": None}
    await session.connection.execute(update(models).where(models.c.number == number).values(**values))


async def set_trained_on(session: WriteSession, number: int, trained_on: str) -> None:
    """Store which reviews a model was trained on: none, database or file. Raises TransientStoreError."""
    values = {"trained_on": trained_on}
    await session.connection.execute(update(models).where(models.c.number == number).values(**values))


async def activate(session: WriteSession, number: int, predecessor: int | None, by: str) -> None:
    """Make a model the active one in place of ``predecessor``, whose row in ``active_model`` the caller has locked.

    Raises TransientStoreError, and StoreError caused by IntegrityError if another model became active first.
    """
    values = {"model_number": number, "activated_at": stored_time(session.now), "activated_by": by[:128]}
    if predecessor is None:
        await session.connection.execute(insert(active_model).values(id=ACTIVE_ROW, **values))
    else:
        await session.connection.execute(update(active_model).where(active_model.c.id == ACTIVE_ROW).values(**values))
    # For running programs of the previous release.
    await session.connection.execute(update(models).where(models.c.active.is_(True)).values(active=None))
    await session.connection.execute(update(models).where(models.c.number == number).values(active=True))


def _model(row: Row[Any]) -> ModelRow:
    return built(ModelRow, row, active=bool(row.is_active))
