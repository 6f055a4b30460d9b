"""Every process obtains a registered artifact from the database and verifies it."""

import asyncio
import os
import shutil
from pathlib import Path

import pytest
from sqlalchemy import func, select, update

from liuyan.settings import Settings
from model.artifact import FILES, SHIPPED, SUMS, is_artifact
from model.errors import ArtifactError
from registry import artifacts
from registry.artifacts import obtain_artifact
from registry.register import ensure_active, register
from store.audit import Actor
from store.batch import ModelRow
from store.model_tables import model_files
from store.models import register_model
from store.store import Store
from store.types import as_binary
from tests.registry.artifacts import write_model

WANG = Actor(7, "wang", "command", None)


async def registered(store: Store, folder: Path) -> ModelRow:
    """Register a small model, and delete its folder."""
    write_model(folder, 1)
    model = (await register(store, folder, WANG)).model
    shutil.rmtree(folder)
    return model


async def test_a_registered_artifact_is_downloaded_whole(store: Store, settings: Settings, tmp_path: Path) -> None:
    model = await registered(store, tmp_path / "model")
    folder = await obtain_artifact(store, model, settings)
    assert folder == settings.cache_dir / "models" / model.sha256
    assert sorted(path.name for path in folder.iterdir()) == sorted([*FILES, SUMS, "README.md"])
    assert (folder / "README.md").read_text() == "# model-1\n"
    assert is_artifact(folder, model.sha256)
    assert sorted(path.name for path in folder.parent.iterdir()) == sorted([model.sha256, "lock"])


async def test_a_large_artifact_is_stored_in_parts_below_a_mebibyte(store: Store, settings: Settings) -> None:
    model = await ensure_active(store, settings)
    of = model_files.c
    async with store.reading() as connection:
        sizes = (await connection.execute(select(of.name, of.part, func.length(of.content)))).all()
    assert max(size for *_, size in sizes) * 4 / 3 < 2**20
    assert (
        sum(size for name, _, size in sizes if name == "weights.safetensors")
        == (SHIPPED / "weights.safetensors").stat().st_size
    )
    cache = settings.cache_dir / "copy"
    cache.mkdir(parents=True)
    await artifacts.download_artifact(store, model, cache)
    assert all((cache / name).read_bytes() == (SHIPPED / name).read_bytes() for name in [*FILES, SUMS, "README.md"])


async def test_a_local_folder_is_preferred_to_a_download(store: Store, settings: Settings, tmp_path: Path) -> None:
    models = tmp_path / "models"
    write_model(models / "mine", 1)
    model = (await register(store, models / "mine", WANG)).model
    with_models = settings.model_copy(update={"models_dir": models})
    assert await obtain_artifact(store, model, with_models) == models / "mine"
    (models / "mine" / "vocabulary.txt").write_text("damaged")
    assert await obtain_artifact(store, model, with_models) == settings.cache_dir / "models" / model.sha256


@pytest.mark.parametrize("damage", ["changed", "incomplete"])
async def test_a_damaged_copy_in_the_cache_is_replaced(
    store: Store, settings: Settings, tmp_path: Path, damage: str
) -> None:
    model = await registered(store, tmp_path / "model")
    folder = await obtain_artifact(store, model, settings)
    if damage == "changed":
        (folder / "weights.safetensors").write_bytes(b"damaged")
    else:
        (folder / SUMS).unlink()
    assert await obtain_artifact(store, model, settings) == folder
    assert is_artifact(folder, model.sha256)
    assert sorted(path.name for path in folder.parent.iterdir()) == sorted([model.sha256, "lock"])


async def test_concurrent_downloads_agree(store: Store, settings: Settings, tmp_path: Path) -> None:
    model = await registered(store, tmp_path / "model")
    folder = settings.cache_dir / "models" / model.sha256
    folder.mkdir(parents=True)
    (folder / SUMS).write_text("damaged")
    assert set(await asyncio.gather(*(obtain_artifact(store, model, settings) for _ in range(8)))) == {folder}
    assert is_artifact(folder, model.sha256)
    assert sorted(path.name for path in folder.parent.iterdir()) == sorted([model.sha256, "lock"])


async def test_old_unfinished_downloads_are_removed(store: Store, settings: Settings, tmp_path: Path) -> None:
    model = await registered(store, tmp_path / "model")
    old, young = (settings.cache_dir / "models" / name for name in ("part-old", "part-young"))
    for folder in (old, young):
        folder.mkdir(parents=True)
    os.utime(old, (0, 0))
    await obtain_artifact(store, model, settings)
    assert (old.exists(), young.exists()) == (False, True)


async def test_an_artifact_that_is_not_registered_is_reported(store: Store, settings: Settings) -> None:
    model = await register_model(store, "a" * 64, "lost", 0.4, 0.6)
    with pytest.raises(ArtifactError, match=r"model \d+ \(lost\) is not in the database. Register its folder"):
        await obtain_artifact(store, model, settings)


async def test_an_artifact_damaged_in_the_database_is_reported_and_repaired(
    store: Store, settings: Settings, tmp_path: Path
) -> None:
    write_model(tmp_path / "model", 1)
    model = (await register(store, tmp_path / "model", WANG)).model
    async with store.writing() as session:
        weights = model_files.c.name == "weights.safetensors"
        await session.connection.execute(update(model_files).where(weights).values(content=as_binary(b"damaged")))
    with pytest.raises(ArtifactError, match=r"is damaged in the database. Register its folder"):
        await obtain_artifact(store, model, settings)
    assert sorted(path.name for path in (settings.cache_dir / "models").iterdir()) == []
    assert (await register(store, tmp_path / "model", WANG)).changed
    assert is_artifact(await obtain_artifact(store, model, settings), model.sha256)


async def test_a_cache_that_cannot_be_written_is_reported(store: Store, settings: Settings, tmp_path: Path) -> None:
    model = await registered(store, tmp_path / "model")
    settings.cache_dir.write_text("a file, not a folder")
    with pytest.raises(ArtifactError, match=r"cannot be written to .*cache/models .*Set LIUYAN_CACHE_DIR"):
        await obtain_artifact(store, model, settings)
