"""Register artifacts: validate a folder and store its files in the database."""

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path

from liuyan.settings import Settings
from model.artifact import SHIPPED, ArtifactFiles, find_local_artifact, read_artifact, read_configuration, read_files
from model.errors import ArtifactError
from model.labeller import Labeller
from model.self_test import check_labeller
from registry.trained_on import trained_on
from store import audit
from store.audit import Actor
from store.batch import ModelRow
from store.model_files import has_files, set_files
from store.models import add_model, make_available, read_active, read_model, read_models, register_model, set_trained_on
from store.session import WriteSession
from store.store import Store


@dataclass(frozen=True, slots=True)
class Registration:
    """A registered model; ``changed`` means that it, its files or its name were not stored before."""

    model: ModelRow
    changed: bool


async def register(store: Store, folder: Path, actor: Actor, name: str | None = None) -> Registration:
    """Validate the artifact in ``folder`` and store it in one transaction, under ``name`` or its own name.

    Registering the same artifact again changes its name, if one is given, replaces files that differ (a corrected
    model card, or files damaged in the database), and makes a retired model available again.
    Raises ArtifactError, and the errors of ``Store.write``.
    """
    files = await asyncio.to_thread(check_artifact, folder)
    return await store.write(_register, files, actor, name)


def check_artifact(folder: Path) -> ArtifactFiles:
    """Return the files of an artifact that passes its self-test. Raises ArtifactError."""
    labeller = Labeller(read_artifact(folder), answer_cache_size=0)
    check_labeller(labeller)
    files = read_files(folder)
    if files.sha256 != labeller.sha256:
        raise ArtifactError(f"The model in {folder} changed while it was read. Wait for its training to end.")
    return files


async def ensure_active(store: Store, settings: Settings) -> ModelRow:
    """Return the active model; if there is none, register and activate the shipped one.

    Stores the artifact of the active model if the database lacks it and it is found locally: older versions registered
    models without it. Concurrent processes agree. Raises ArtifactError, and the errors of ``Store.write``.
    """
    active = await store.read(read_active)
    if active is None:
        files = await asyncio.to_thread(read_files, SHIPPED)
        return await register_model(store, *_values(files), files=files.contents)
    if await store.read(has_files, active.number):
        return active
    folder = await asyncio.to_thread(find_local_artifact, active.sha256, settings.models_dir)
    if folder is not None:
        local = await asyncio.to_thread(read_files, folder)
        await store.write(set_files, active.number, local.contents)
    return active


async def offer_shipped(store: Store, actor: Actor) -> ModelRow | None:
    """Register the shipped model as a candidate if the database does not know it, and return it if it is new.

    It is never promoted, and a shipped model that was retired remains so. Raises ArtifactError, and the errors of
    ``Store.write``.
    """
    files = await asyncio.to_thread(read_files, SHIPPED)
    return await store.write(_offer, files, actor)


async def _offer(session: WriteSession, files: ArtifactFiles, actor: Actor) -> ModelRow | None:
    if files.sha256 in {model.sha256 for model in (await read_models(session.connection)).values()}:
        return None
    registration = await _register(session, files, actor, None)
    return registration.model if registration.changed else None


async def _register(session: WriteSession, files: ArtifactFiles, actor: Actor, name: str | None) -> Registration:
    before = await add_model(session, *_values(files))
    stored = await set_files(session, before.number, files.contents)
    await set_trained_on(session, before.number, trained_on(json.loads(files.contents["metrics.json"])))
    new_name = before.name if name is None else name[:128]
    changed = stored or new_name != before.name or before.retired_at is not None
    if changed:
        await make_available(session, before.number, new_name)
        detail = {"sha256": files.sha256, "name": new_name}
        await audit.record(session, actor, "model.register", "model", str(before.number), detail)
    return Registration(await read_model(session.connection, before.number), changed)


def _values(files: ArtifactFiles) -> tuple[str, str, float, float]:
    configuration = read_configuration(files)
    return files.sha256, configuration.name, configuration.uncertain_low, configuration.uncertain_high
