"""A second model: it is promoted and rolled back, then a shadow and a replay label the load with it."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from local_stack.errors import LocalStackError
from store.models import read_active
from store.promotion import roll_back
from store.store import Store
from tests.harness import Installation, Process
from tests.models import ACTOR, promote, register_artifact, write_reordered

# Slow enough that the replay is still in progress when the dashboards are drawn.
REPLAY_RECORDS_A_SECOND = 1
# Records that are stored before the replay begins.
REPLAYED = 200
# The longest wait for consumers that switch to a promoted model.
SWITCH_SECONDS = 120.0


@contextmanager
def second_model(installation: Installation) -> Iterator[None]:
    """Register a model, promote it until consumers use it, and label with it in the background during the block.

    Raises LocalStackError if the shadow or the replay ends before the block does.
    """
    artifact = write_reordered(installation.folder / "retrained", name="retrained")
    number = asyncio.run(register_artifact(installation.database_url, artifact))
    asyncio.run(promote(installation.database_url, number))
    used = "SELECT COUNT(*) FROM predictions WHERE model_number = :number"
    installation.wait_for(lambda: installation.number(used, number=number) > 0, seconds=SWITCH_SECONDS)
    asyncio.run(_roll_back(installation.database_url))
    installation.wait_for(lambda: _live_records(installation) >= REPLAYED, seconds=SWITCH_SECONDS)
    replay = ["consumer", "replay", str(number), "--no-store", "--rate", str(REPLAY_RECORDS_A_SECOND)]
    with (
        installation.consumer("--shadow", str(number)) as shadow,
        Process(replay, installation.environment(), installation.folder) as replaying,
    ):
        yield
        for process, name in ((shadow, "shadow"), (replaying, "replay")):
            if process.popen.poll():
                raise LocalStackError(f"The {name} ended with status {process.popen.returncode}: {process.output()}")


def _live_records(installation: Installation) -> int:
    """Return how many records the consumers have stored, without the history's own group."""
    stored = "SELECT COALESCE(SUM(next_offset), 0) FROM partitions WHERE consumer_group = :name"
    return installation.number(stored, name=installation.group)


async def _roll_back(database_url: str) -> None:
    async with Store.open(database_url) as store:
        active = await store.read(read_active)
        if active is not None:
            await store.write(roll_back, ACTOR, active.number)
