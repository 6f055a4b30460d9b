"""Registering validates an artifact and stores it in one transaction, once."""

import asyncio
import hashlib
import json
from pathlib import Path

import numpy
import pytest
from safetensors.numpy import load, save
from sqlalchemy import func, select

from liuyan.settings import Settings
from model.artifact import FORMAT, SHIPPED, SUMS, read_artifact
from model.errors import ArtifactError
from model.labeller import Labeller
from model.self_test import check_labeller
from registry.register import ensure_active, offer_shipped, register
from store.audit import Actor, AuditFilter, list_records
from store.model_files import has_files, list_files
from store.model_tables import model_files
from store.models import read_active, read_models, register_model
from store.promotion import retire_model
from store.store import Store
from tests.registry.artifacts import write_model, write_sums

WANG = Actor(7, "wang", "command", None)


async def registrations(store: Store) -> list[tuple[str, object]]:
    """The audit records of registrations, oldest first: model and name."""
    async with store.reading() as connection:
        records = (await list_records(connection, AuditFilter(action="model.register"), None, 100)).items
    return [(one.object_id, one.detail["name"]) for one in reversed(records)]


async def test_registering_stores_the_model_and_its_files(store: Store, tmp_path: Path) -> None:
    sha256 = write_model(tmp_path, 1)
    done = await register(store, tmp_path, WANG)
    assert done.changed
    assert (done.model.sha256, done.model.name, done.model.active) == (sha256, "model-1", False)
    assert (done.model.uncertain_low, done.model.uncertain_high) == (0.4, 0.6)
    assert await store.read(has_files, done.model.number)
    assert await registrations(store) == [(str(done.model.number), "model-1")]


async def test_registering_again_changes_only_the_name(store: Store, tmp_path: Path) -> None:
    write_model(tmp_path, 1)
    first = (await register(store, tmp_path, WANG)).model
    again = await register(store, tmp_path, WANG)
    assert (again.model, again.changed) == (first, False)
    named = await register(store, tmp_path, WANG, "autumn")
    assert (named.model.name, named.model.number, named.changed) == ("autumn", first.number, True)
    assert (await register(store, tmp_path, WANG)).model.name == "autumn"
    assert [name for _, name in await registrations(store)] == ["model-1", "autumn"]


async def test_a_corrected_card_is_stored(store: Store, tmp_path: Path) -> None:
    write_model(tmp_path, 1)
    model = (await register(store, tmp_path, WANG)).model
    (tmp_path / "README.md").write_text("# corrected\n")
    assert (await register(store, tmp_path, WANG)).changed
    query = select(model_files.c.content).where(model_files.c.name == "README.md")
    async with store.reading() as connection:
        assert (await connection.execute(query)).scalars().all() == [b"# corrected\n"]
        assert len(await list_files(connection, model.number)) == 7


async def test_concurrent_registrations_store_one_copy(store: Store, tmp_path: Path) -> None:
    write_model(tmp_path, 1)
    done = await asyncio.gather(*(register(store, tmp_path, WANG) for _ in range(6)))
    assert len({one.model for one in done}) == 1
    assert [one.changed for one in done].count(True) == 1
    async with store.reading() as connection:
        assert (await connection.execute(select(func.count()).select_from(model_files))).scalar_one() == 7


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("missing folder", "There is no model folder"),
        ("missing file", "is incomplete: vocabulary.txt cannot be read"),
        ("changed file", r"is damaged: vocabulary.txt does not match SHA256SUMS"),
        ("newer format", rf"has format {FORMAT + 1}, which is newer than this version .* Upgrade Liuyan"),
        ("nonsense format", "unsupported format"),
        ("no object", "unsupported format"),
        ("NaN weights", r"output\.bias in weights\.safetensors contains numbers that are not finite"),
        ("bad band", r"fails its self-test: its uncertain band 0.9 .. 0.1 is not"),
        ("huge scale", r"fails its self-test: it cannot label a text"),
    ],
)
async def test_an_invalid_artifact_is_refused_with_one_sentence(
    server_store: Store, tmp_path: Path, damage: str, message: str
) -> None:
    folder = tmp_path / "model"
    write_model(folder, 1)
    if damage == "missing folder":
        folder = tmp_path / "elsewhere"
    elif damage == "missing file":
        (folder / "vocabulary.txt").unlink()
    elif damage == "changed file":
        (folder / "vocabulary.txt").write_text("changed")
    elif damage in ("newer format", "nonsense format"):
        configuration = json.loads((folder / "configuration.json").read_text())
        configuration["format"] = FORMAT + 1 if damage == "newer format" else "three"
        (folder / "configuration.json").write_text(json.dumps(configuration))
        write_sums(folder)
    elif damage == "no object":
        (folder / "configuration.json").write_text("[3]")
        write_sums(folder)
    elif damage == "NaN weights":
        weights = load((folder / "weights.safetensors").read_bytes())
        weights["output.bias"] = numpy.full(1, numpy.nan, numpy.float16)
        (folder / "weights.safetensors").write_bytes(save(weights))
        write_sums(folder)
    elif damage == "bad band":
        write_model(folder, 1, low=0.9, high=0.1)
    else:
        write_model(folder, 1, scale=1e300)
    with pytest.raises(ArtifactError, match=message) as raised:
        await register(server_store, folder, WANG)
    assert "\n" not in str(raised.value)
    assert await server_store.read(read_models) == {}
    assert await registrations(server_store) == []


def test_a_model_that_gives_two_answers_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_model(tmp_path, 1)
    labeller = Labeller(read_artifact(tmp_path), 0)
    check_labeller(labeller)
    answers = iter([0.25] * 10 + [0.75] * 10)
    predict = labeller.predict
    monkeypatch.setattr(
        labeller,
        "predict",
        lambda texts: [type(one)(one.label, next(answers), False) for one in predict(texts)],
    )
    with pytest.raises(ArtifactError, match=r"the probabilities 0.25 and 0.75"):
        check_labeller(labeller)


async def test_the_first_process_registers_and_activates_the_shipped_model(store: Store, settings: Settings) -> None:
    models = await asyncio.gather(*(ensure_active(store, settings) for _ in range(4)))
    assert len(set(models)) == 1
    assert models[0].active
    assert await store.read(read_active) == models[0]
    assert [file.name for file in await store.read(list_files, models[0].number)].count(SUMS) == 1


async def test_an_active_model_without_files_gets_them_from_a_local_folder(
    store: Store, settings: Settings, tmp_path: Path
) -> None:
    sha256 = write_model(tmp_path / "models" / "mine", 1)
    model = await register_model(store, sha256, "old", 0.4, 0.6)
    assert await ensure_active(store, settings) == model
    assert not await store.read(has_files, model.number)
    assert await ensure_active(store, settings.model_copy(update={"models_dir": tmp_path / "models"})) == model
    assert await store.read(has_files, model.number)


async def test_an_active_shipped_model_of_an_older_version_gets_its_files(store: Store, settings: Settings) -> None:
    sha256 = hashlib.sha256((SHIPPED / SUMS).read_bytes()).hexdigest()
    model = await register_model(store, sha256, "shipped", 0.4, 0.6)
    await ensure_active(store, settings)
    assert await store.read(has_files, model.number)


async def test_a_newly_shipped_model_becomes_a_candidate_and_is_never_activated(store: Store, tmp_path: Path) -> None:
    active = await register_model(store, write_model(tmp_path, 1), "the active one", 0.4, 0.6)
    offered = [one for one in await asyncio.gather(*(offer_shipped(store, WANG) for _ in range(3))) if one is not None]
    [shipped] = set(offered)
    assert (shipped.active, shipped.sha256) == (False, hashlib.sha256((SHIPPED / SUMS).read_bytes()).hexdigest())
    assert await store.read(has_files, shipped.number)
    assert await registrations(store) == [(str(shipped.number), shipped.name)]
    await store.write(retire_model, WANG, shipped.number)
    assert await offer_shipped(store, WANG) is None
    models = await store.read(read_models)
    assert models[shipped.number].retired_at is not None
    assert await store.read(read_active) == active


async def test_the_shipped_model_that_is_active_is_not_offered(store: Store, settings: Settings) -> None:
    active = await ensure_active(store, settings)
    assert await offer_shipped(store, WANG) is None
    assert await store.read(read_models) == {active.number: active}
