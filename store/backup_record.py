"""When the database was last backed up: a record of the audit log, which the alert about old backups reads."""

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from store.admin_tables import audit_log, users
from store.audit import Actor, record
from store.errors import StoreError
from store.session import WriteSession
from store.store import Store

ACTION = "store.backup"
KIND, DATABASE = "backup", "database"


async def record_backup(session: WriteSession, actor: Actor) -> None:
    """Record that a backup is complete. Raises TransientStoreError."""
    await record(session, actor, ACTION, KIND, DATABASE, {})


async def try_to_record(store: Store, actor: Actor) -> StoreError | None:
    """Record that a backup is complete. Return why it is not possible, for example on a replica; None if it was."""
    try:
        await store.write(record_backup, actor)
    except StoreError as error:
        return error
    return None


async def last_backup(connection: AsyncConnection) -> datetime | None:
    """Return when the last backup was recorded; without one, when the first account was created; None if none was.

    Raises TransientStoreError.
    """
    of = audit_log.c
    recorded = select(func.max(of.at)).where(of.object_kind == KIND, of.object_id == DATABASE)
    at: datetime | None = (await connection.execute(recorded)).scalar_one()
    if at is not None:
        return at
    first: datetime | None = (await connection.execute(select(func.min(users.c.created_at)))).scalar_one()
    return first
