"""Provide the folder of a registered artifact: a local one, a cached one, or a download from the database."""

import asyncio
import fcntl
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from liuyan.settings import Settings
from model.artifact import find_local_artifact, is_artifact
from model.errors import ArtifactError
from store.batch import ModelRow
from store.model_files import list_files, read_part
from store.store import Store

# The name of an unfinished download starts with this; one that is older than this was left by a process that died.
PART = "part-"
LEFT_OVER_SECONDS = 3600


async def obtain_artifact(store: Store, model: ModelRow, settings: Settings) -> Path:
    """Return the folder of a model's verified artifact, and download it into the cache folder if it is not local.

    Concurrent processes may call this; a damaged copy in the cache is replaced. Raises ArtifactError if the artifact is
    not registered, is damaged in the database or cannot be written, and the errors of ``Store.read``.
    """
    local = await asyncio.to_thread(find_local_artifact, model.sha256, settings.models_dir)
    if local is not None:
        return local
    cache = settings.cache_dir / "models"
    target = cache / model.sha256
    if await asyncio.to_thread(is_artifact, target, model.sha256):
        return target
    try:
        await asyncio.to_thread(_prepare, cache)
        temporary = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix=PART, dir=cache))
        try:
            await download_artifact(store, model, temporary)
            await asyncio.to_thread(_publish, temporary, target, model.sha256)
        finally:
            await asyncio.to_thread(shutil.rmtree, temporary, ignore_errors=True)
    except OSError as error:
        raise ArtifactError(
            f"The artifact of model {model.number} cannot be written to {cache} ({error.strerror}). Set "
            "LIUYAN_CACHE_DIR to a writable folder with enough space."
        ) from error
    return target


async def export_artifact(store: Store, model: ModelRow, folder: Path) -> None:
    """Write a model's verified artifact to a new folder.

    Raises ArtifactError, OSError and the errors of ``Store.read``.
    """
    await asyncio.to_thread(_create_empty, folder)
    await download_artifact(store, model, folder)


def _create_empty(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ArtifactError(f"{folder} exists and is not an empty folder. Choose a new one.")
    folder.mkdir(parents=True, exist_ok=True)


async def download_artifact(store: Store, model: ModelRow, folder: Path) -> None:
    """Write a model's files from the database to an existing folder, and verify them.

    Raises ArtifactError if they are missing or damaged, OSError, and the errors of ``Store.read``.
    """
    files = await store.read(list_files, model.number)
    if not files:
        raise ArtifactError(
            f"The artifact of model {model.number} ({model.name}) is not in the database. Register its folder with "
            "`liuyan model register FOLDER`."
        )
    for file in files:
        for part in range(file.parts):
            content = await store.read(read_part, model.number, file.name, part)
            await asyncio.to_thread(_append, folder / Path(file.name).name, content or b"")
    if not await asyncio.to_thread(is_artifact, folder, model.sha256):
        raise ArtifactError(
            f"The artifact of model {model.number} ({model.name}) is damaged in the database. Register its folder "
            "again with `liuyan model register FOLDER`."
        )


def _append(path: Path, content: bytes) -> None:
    with path.open("ab") as stream:
        stream.write(content)


def _prepare(cache: Path) -> None:
    """Create the cache folder and remove what died processes left."""
    cache.mkdir(parents=True, exist_ok=True)
    for folder in cache.glob(f"{PART}*"):
        try:
            old = time.time() - folder.stat().st_mtime > LEFT_OVER_SECONDS
        except FileNotFoundError:  # Another process removed it.
            continue
        if old:
            shutil.rmtree(folder, ignore_errors=True)


def _publish(temporary: Path, target: Path, sha256: str) -> None:
    """Rename a complete download to ``target``, unless another process has put an undamaged copy there."""
    with _locked(target.parent / "lock"):
        if is_artifact(target, sha256):
            return
        damaged = temporary.with_name(f"{temporary.name}-damaged")
        if target.exists():
            target.rename(damaged)
        temporary.rename(target)
        shutil.rmtree(damaged, ignore_errors=True)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
