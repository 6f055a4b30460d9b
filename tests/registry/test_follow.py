"""A process follows the active model: it loads another one in the background, and tries again after errors."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import delete
from structlog.testing import capture_logs

from liuyan.metrics.declared import CONSUMER_METRICS
from liuyan.metrics.exporter import Exporter
from liuyan.metrics.shared import SharedMetrics
from liuyan.settings import Settings
from model.errors import ArtifactError
from model.kernel import load_kernel
from registry.follow import LoadedModel, ModelFollower, load_active, load_model
from registry.register import register
from store.audit import Actor
from store.batch import ModelRow
from store.model_tables import model_files
from store.models import read_active, register_model
from store.promotion import promote_model
from store.store import Store
from store.types import as_binary
from tests.registry.artifacts import write_model

WANG = Actor(7, "wang", "session", None)


async def registered(store: Store, folder: Path, seed: int) -> ModelRow:
    write_model(folder, seed)
    return (await register(store, folder, WANG)).model


async def promote(store: Store, model: ModelRow) -> None:
    active = await store.read(read_active)
    await store.write(promote_model, WANG, model.number, None if active is None else active.number)


def assert_current(follower: ModelFollower) -> None:
    assert (follower.behind_seconds, follower.failure) == (0.0, None)


@pytest.fixture
def samples() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def metrics(samples: CollectorRegistry) -> SharedMetrics:
    return SharedMetrics(Exporter(CONSUMER_METRICS, samples))


def failures(samples: CollectorRegistry) -> float | None:
    return samples.get_sample_value("liuyan_model_load_failures_total")


@pytest.fixture
async def first(store: Store, settings: Settings, metrics: SharedMetrics, tmp_path: Path) -> LoadedModel:
    """The active model, loaded."""
    model = await registered(store, tmp_path / "first", 1)
    await promote(store, model)
    return await load_active(store, settings, metrics)


async def test_a_promoted_model_is_loaded_from_the_database(
    store: Store,
    settings: Settings,
    first: LoadedModel,
    tmp_path: Path,
    metrics: SharedMetrics,
    samples: CollectorRegistry,
) -> None:
    loaded: list[LoadedModel] = []
    follower = ModelFollower(store, settings, first, metrics, loaded.append)
    await follower.follow()
    assert (follower.loaded, loaded, follower.behind_seconds, follower.failure) == (first, [], 0.0, None)
    assert follower.describe().startswith(f"The active model {first.number} (model-1, ")
    second = await registered(store, tmp_path / "second", 2)
    await promote(store, second)
    await follower.follow()
    assert follower.loaded.number == second.number
    assert follower.loaded.labeller.sha256 == second.sha256
    assert loaded == [follower.loaded]
    assert (follower.behind_seconds, failures(samples)) == (0.0, 0)
    await follower.wait_until_current()


async def test_a_model_that_cannot_be_loaded_is_tried_again_after_a_growing_delay(
    store: Store,
    settings: Settings,
    first: LoadedModel,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    metrics: SharedMetrics,
    samples: CollectorRegistry,
) -> None:
    clock = 1_000.0
    monkeypatch.setattr("registry.follow.time", SimpleNamespace(monotonic=lambda: clock))
    follower = ModelFollower(store, settings, first, metrics)
    second = await registered(store, tmp_path / "second", 2)
    await promote(store, second)
    files = await stored_files(store)
    await follower.follow()
    assert follower.loaded is first
    assert failures(samples) == 1
    assert follower.failure is not None
    assert follower.failure.startswith(f"The active model {second.number} (model-2) cannot be loaded: The artifact of")
    clock += 0.9
    await follower.follow()
    assert failures(samples) == 1
    clock += 0.1
    await follower.follow()
    clock += 1.9
    await follower.follow()
    assert failures(samples) == 2
    assert follower.behind_seconds == pytest.approx(2.9)
    assert "cannot be loaded" in follower.describe()
    assert f"Using model {first.number} (model-1, " in follower.describe()
    await restore_files(store, files)
    clock += 30
    await follower.follow()
    assert follower.loaded.number == second.number
    assert_current(follower)


async def test_another_promotion_is_followed_at_once_despite_an_earlier_failure(
    store: Store,
    settings: Settings,
    first: LoadedModel,
    tmp_path: Path,
    metrics: SharedMetrics,
    samples: CollectorRegistry,
) -> None:
    follower = ModelFollower(store, settings, first, metrics)
    await promote(store, await registered(store, tmp_path / "second", 2))
    await stored_files(store)
    await follower.follow()
    assert failures(samples) == 1
    third = await registered(store, tmp_path / "third", 3)
    await promote(store, third)
    await follower.follow()
    assert follower.loaded.number == third.number
    assert_current(follower)


async def test_the_loaded_model_stays_if_it_becomes_active_again(
    store: Store, settings: Settings, first: LoadedModel, tmp_path: Path, metrics: SharedMetrics
) -> None:
    follower = ModelFollower(store, settings, first, metrics)
    await register(store, tmp_path / "first", WANG)
    files = await stored_files(store)
    await restore_files(store, files)
    await promote(store, await registered(store, tmp_path / "second", 2))
    await stored_files(store)
    await follower.follow()
    assert follower.failure is not None
    await restore_files(store, files)
    await promote(store, first.row)
    await follower.follow()
    assert follower.loaded is first
    assert_current(follower)


async def test_a_database_without_an_active_model_gets_the_shipped_one(
    store: Store, settings: Settings, metrics: SharedMetrics
) -> None:
    loaded = await load_active(store, settings, metrics)
    assert loaded.row == await store.read(read_active)
    assert loaded.labeller.sha256 == loaded.row.sha256


async def test_loaded_models_share_their_tables(store: Store, settings: Settings, metrics: SharedMetrics) -> None:
    loaded = await load_active(store, settings, metrics)
    [tables] = (settings.cache_dir / "tables").glob("*.npy")
    assert tables.name.startswith(loaded.row.sha256)


async def test_missing_compiled_code_is_logged(
    store: Store, settings: Settings, metrics: SharedMetrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await warnings_of_loading(store, settings, metrics) == []
    monkeypatch.setattr("registry.follow.load_kernel", lambda *, bfloat16: None)
    assert await warnings_of_loading(store, settings, metrics) == [
        "the installation has no compiled code of this version, labelling is slow"
    ]


async def test_a_processor_without_bfloat16_is_logged(
    store: Store, settings: Settings, metrics: SharedMetrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("registry.follow.load_kernel", lambda *, bfloat16: load_kernel())
    assert await warnings_of_loading(store, settings, metrics) == []
    rounding = settings.model_copy(update={"bfloat16": True})
    assert await warnings_of_loading(store, rounding, metrics) == [
        "this processor has no bfloat16 products, labelling uses float32"
    ]


async def warnings_of_loading(store: Store, settings: Settings, metrics: SharedMetrics) -> list[str]:
    with capture_logs() as lines:
        await load_active(store, settings, metrics)
    return [line["event"] for line in lines if line["log_level"] == "warning"]


async def test_a_model_without_artifact_is_one_sentence(store: Store, settings: Settings) -> None:
    model = await register_model(store, "a" * 64, "gone", 0.4, 0.6)
    with pytest.raises(ArtifactError, match=r"\(gone\) is not in the database"):
        await load_model(store, model, settings)


async def stored_files(store: Store) -> list[dict[str, object]]:
    """Return the stored files of all models, and delete them."""
    async with store.writing() as session:
        rows = [dict(row._mapping) for row in await session.connection.execute(model_files.select())]
        await session.connection.execute(delete(model_files))
    return rows


async def restore_files(store: Store, files: list[dict[str, object]]) -> None:
    async with store.writing() as session:
        for row in files:
            content = as_binary(row["content"])  # type: ignore[arg-type]
            await session.connection.execute(model_files.insert().values({**row, "content": content}))
