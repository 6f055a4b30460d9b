"""A shadow labels live comments behind the consumers, and ends when its model is active."""

import signal

from consumer.relabel.shadow import run_shadow
from store.models import read_active
from store.promotion import promote_model
from store.store import Store
from tests.consumer.relabel.conftest import WANG, Relabelled
from tests.harness import ERASURE_KEY, Process, comment, get, real_comments


async def activate(installation: Relabelled) -> None:
    async with Store.open(installation.database_url) as store:
        await store.check_ready(ERASURE_KEY.encode())
        active = await store.read(read_active)
        await store.write(promote_model, WANG, installation.model, None if active is None else active.number)


def started(installation: Relabelled, shadow: Process) -> None:
    installation.wait_for(lambda: "shadowing" in shadow.output(), seconds=240, process=shadow)


async def test_shadow_and_replay_together_label_every_comment(installation: Relabelled) -> None:
    """The shadow is stopped and killed meanwhile, and finishes what was stored before the promotion."""
    records = real_comments(1_500)
    await installation.publish(records[:500])
    with installation.consumer() as consumer:
        installation.wait_for(lambda: installation.stored() == 500, seconds=240, process=consumer)
        with installation.shadow() as first, installation.shadow() as second:
            started(installation, first)
            started(installation, second)
            await installation.publish(records[500:1_000])
            installation.wait_for(lambda: installation.labelled() == 500, seconds=60, process=first)
            assert get(f"{first.health()}/readyz")[0] == 200
            assert "0 records behind" in get(f"{first.health()}/livez")[1]
            metrics = get(f"{first.health()}/metrics")[1]
            assert 'liuyan_model_info{group="",' in metrics
            assert "process_resident_memory_bytes " in metrics
            assert "liuyan_prediction_cache_misses_total " in metrics
            first.send(signal.SIGTERM)
            assert first.wait(20) == 0
            second.kill()
        await installation.publish([*records[1_000:], comment("0", "改了", edited=9)])
        installation.wait_for(lambda: installation.stored() == 1_501, seconds=60, process=consumer)
        consumer.send(signal.SIGTERM)
        assert consumer.wait(30) == 0
    await activate(installation)
    with installation.shadow() as shadow:
        assert shadow.wait(90) == 0, shadow.output()
        assert "is active. The shadow has ended" in shadow.output()
    assert installation.labelled() == 1_001
    installation.replayed("--store-only")
    assert installation.differences() == []
    assert await installation.count_differences() == []
    assert installation.query("SELECT DISTINCT consumer_group FROM partitions") == [(installation.group,)]
    await run_shadow(installation.loaded_settings(), str(installation.model))
