"""What a replay cannot do is reported in one sentence, and nothing changes."""

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import update

from consumer.relabel.replay import Replay, cancel, dry_run, replay
from consumer.topics import TopicError
from liuyan.errors import LiuyanError, UsageError
from model.errors import ArtifactError
from store.models import read_active
from store.promotion import NoModelError
from store.relabel_runs import Range
from store.store import Store
from store.tables import models
from tests.consumer.relabel.conftest import WANG, Relabelled
from tests.consumer.test_log_moved import recreate_topic
from tests.harness import comment
from tests.store.feed import minutes


class Attempt:
    """Replays of one installation that fail at the start."""

    def __init__(self, installation: Relabelled) -> None:
        self.settings = installation.loaded_settings()
        self.covered = Range(topics=(installation.topic,))
        self.model = str(installation.model)

    async def refused(self, error: type[LiuyanError], model: str | None = None, **changes: object) -> str:
        """Return the sentence."""
        covered = replace(self.covered, **changes)  # type: ignore[arg-type]
        options = Replay(model or self.model, covered, None, 10)
        with pytest.raises(error) as dry:
            await dry_run(self.settings, options)
        with pytest.raises(error) as real:
            await replay(self.settings, options, by="wang")
        assert str(dry.value) == str(real.value)
        assert "\n" not in str(real.value)
        return str(real.value)


async def test_models_that_cannot_be_replayed(installation: Relabelled, tmp_path: Path) -> None:
    await installation.publish(comment(number, "很好") for number in range(5))
    installation.consume(5)
    attempt = Attempt(installation)
    assert "liuyan" in await attempt.refused(NoModelError, model="77")
    assert "--from" in await attempt.refused(UsageError, since=minutes(60 * 24 * 9999))
    async with Store.open(installation.database_url) as store:
        active = await store.read(read_active)
        assert active is not None
        assert "is active" in await attempt.refused(UsageError, model=str(active.number))
        installation.execute("DELETE FROM model_files WHERE model_number <> 0")
        with pytest.raises(ArtifactError, match="not in the database"):
            await replay(attempt.settings, Replay(attempt.model, attempt.covered, None, 10))
        async with store.writing() as session:
            values = update(models).where(models.c.number == installation.model).values(retired_at=minutes(0))
            await session.connection.execute(values)
    assert "is retired" in await attempt.refused(UsageError)
    assert installation.number("SELECT COUNT(*) FROM relabel_runs") == 0
    with pytest.raises(UsageError, match="no unfinished replay"):
        await cancel(attempt.settings, attempt.model)


async def test_topics_that_cannot_be_replayed(installation: Relabelled) -> None:
    attempt = Attempt(installation)
    assert "nothing to replay" in await attempt.refused(UsageError)
    await installation.publish(comment(number, "很好") for number in range(50))
    installation.consume(50)
    assert "does not exist" in await attempt.refused(TopicError, topics=("none",))
    await recreate_topic(installation)
    assert "was recreated" in await attempt.refused(TopicError)
    await replay(attempt.settings, Replay(attempt.model, Range(log=False), None, 10), by="wang")
    assert installation.differences() == []


async def test_a_second_replay_of_another_range(installation: Relabelled) -> None:
    await installation.publish(comment(number, "很好") for number in range(5))
    installation.consume(5)
    attempt = Attempt(installation)
    with installation.replay("--rate", "1") as process:
        installation.wait_for(lambda: "replaying" in process.output(), seconds=60, process=process)
        other = Replay(attempt.model, replace(attempt.covered, store=False), None, 10)
        with pytest.raises(UsageError, match="another range") as error:
            await replay(attempt.settings, other)
        assert f"replay {installation.model} --cancel" in str(error.value)
        await cancel(attempt.settings, attempt.model, by="wang")
        assert process.wait(30) == 1
        assert process.output().splitlines()[-1].endswith("was cancelled.")
    await replay(attempt.settings, other)
    actions = installation.query("SELECT action, user_name FROM audit_log WHERE action LIKE 'replay%' ORDER BY number")
    assert [action for action, _ in actions] == ["replay.start", "replay.cancel", "replay.start"]
    assert actions[1][1] == WANG.name


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--from", "2026-02-01", "--to", "2026-02-01"), "--from must be earlier"),
        (("--to", "yesterday"), "Invalid --to"),
        (("--store-only", "--no-store"), "exclude each other"),
        (("--topic", "other"), "not in LIUYAN_TOPICS"),
    ],
)
def test_options_that_are_refused(installation: Relabelled, arguments: tuple[str, ...], sentence: str) -> None:
    assert sentence in installation.refused(str(installation.model), *arguments)
