"""The models registered in this database; the labels of the active one, at most one, are shown."""

from typing import Any

from sqlalchemy import Row, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from store.batch import ModelRow
from store.errors import StoreError
from store.rows import built, columns_of
from store.session import WriteSession
from store.store import Store
from store.tables import models

COLUMNS = select(*columns_of(models, ModelRow))


async def read_active(connection: AsyncConnection) -> ModelRow | None:
    """Return the active model, or None."""
    row = (await connection.execute(COLUMNS.where(models.c.active.is_(True)))).one_or_none()
    return None if row is None else _model(row)


async def read_models(connection: AsyncConnection) -> dict[int, ModelRow]:
    """Return all models by number, oldest first."""
    rows = await connection.execute(COLUMNS.order_by(models.c.number))
    return {model.number: model for model in map(_model, rows)}


async def register_model(
    store: Store, sha256: str, name: str, uncertain_low: float, uncertain_high: float, activate_if_first: bool = True
) -> ModelRow:
    """Insert a model if it is absent, and activate it if none is active. Safe to call concurrently."""
    arguments = (sha256, name, uncertain_low, uncertain_high, activate_if_first)
    try:
        return await store.write(_register, *arguments)
    except StoreError as error:
        if not isinstance(error.__cause__, IntegrityError):
            raise
    return await store.write(_register, *arguments)  # Another model became active in the meantime.


async def _register(
    session: WriteSession, sha256: str, name: str, uncertain_low: float, uncertain_high: float, activate_if_first: bool
) -> ModelRow:
    """Insert a model if it is absent, and activate it if none is active.

    Two concurrent calls may both find no active model. The second then violates the unique key on ``active``; its retry
    finds the first one's model active.
    """
    row = {
        "sha256": sha256,
        "name": name[:128],
        "uncertain_low": uncertain_low,
        "uncertain_high": uncertain_high,
    }
    await session.run(session.statements.add_model, [row])
    if activate_if_first and await read_active(session.connection) is None:
        await session.connection.execute(update(models).where(models.c.sha256 == sha256).values(active=True))
    return _model((await session.connection.execute(COLUMNS.where(models.c.sha256 == sha256))).one())


def _model(row: Row[Any]) -> ModelRow:
    return built(ModelRow, row, active=bool(row.active))
