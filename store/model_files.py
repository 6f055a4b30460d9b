"""The files of registered artifacts, stored in parts so that no statement exceeds 1 MiB."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import delete, exists, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from store.model_tables import model_files
from store.session import WriteSession
from store.tables import models
from store.types import as_binary

# A part is sent in base64, which makes it a third longer.
PART_BYTES = 720 * 1024


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file of a registered artifact, stored in parts that are numbered from 0."""

    name: str
    parts: int


async def set_files(session: WriteSession, number: int, files: Mapping[str, bytes]) -> bool:
    """Store a model's files by name, unless they are stored already, and return whether they were not.

    Concurrent calls wait for each other. Raises TransientStoreError and PermanentStoreError.
    """
    await session.connection.execute(select(models.c.number).where(models.c.number == number).with_for_update())
    if await _read_all(session.connection, number) == dict(files):
        return False
    await session.connection.execute(delete(model_files).where(model_files.c.model_number == number))
    for name, content in files.items():
        for part, start in enumerate(range(0, max(1, len(content)), PART_BYTES)):
            values = {"model_number": number, "name": name, "part": part}
            values["content"] = as_binary(content[start : start + PART_BYTES])
            await session.connection.execute(insert(model_files).values(**values))
    return True


async def _read_all(connection: AsyncConnection, number: int) -> dict[str, bytes]:
    return {file.name: await _read_parts(connection, number, file) for file in await list_files(connection, number)}


async def read_file(connection: AsyncConnection, number: int, name: str) -> bytes | None:
    """Return one file of a model's artifact, or None if it is not stored. Raises TransientStoreError."""
    found = [file for file in await list_files(connection, number) if file.name == name]
    return await _read_parts(connection, number, found[0]) if found else None


async def _read_parts(connection: AsyncConnection, number: int, file: StoredFile) -> bytes:
    return b"".join([await read_part(connection, number, file.name, part) or b"" for part in range(file.parts)])


async def has_files(connection: AsyncConnection, number: int) -> bool:
    """Return whether a model's artifact is registered. Raises TransientStoreError."""
    query = select(exists().where(model_files.c.model_number == number))
    return bool((await connection.execute(query)).scalar_one())


async def registered_models(connection: AsyncConnection) -> set[int]:
    """Return the numbers of the models whose artifacts are registered. Raises TransientStoreError."""
    return set((await connection.execute(select(model_files.c.model_number).distinct())).scalars())


async def list_files(connection: AsyncConnection, number: int) -> Sequence[StoredFile]:
    """Return the files of a model's artifact; none if it is not registered. Raises TransientStoreError."""
    of = model_files.c
    query = select(of.name, func.count()).where(of.model_number == number).group_by(of.name).order_by(of.name)
    return [StoredFile(name, parts) for name, parts in await connection.execute(query)]


async def read_part(connection: AsyncConnection, number: int, name: str, part: int) -> bytes | None:
    """Return one part of a file, or None if it is missing. Raises TransientStoreError."""
    of = model_files.c
    query = select(of.content).where(of.model_number == number, of.name == name, of.part == part)
    return (await connection.execute(query)).scalar_one_or_none()
