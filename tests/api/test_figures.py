"""Metrics that the API reads from the database, and its counts of sign-ins."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from api.figures import refresh
from api.identity.passwords import TEMPORARY_FOR
from store.audit import Actor, command_actor
from store.backup_record import record_backup
from store.batch import Label, ModelRow, PartitionKey, Prediction
from store.comments import ShownLabel
from store.models import activate, register_model
from store.partitions import begin_partition
from store.queue import next_tasks
from store.relabel import TextPrediction
from store.relabel_parts import LogPart, PartAdvance
from store.relabel_runs import Range, RelabelRun, start_run
from store.relabel_work import write_relabelled
from store.reviews import Opinion, add_review
from store.routes import QueueOrder
from store.search import CommentFilter
from store.store import Store
from tests.api.conftest import Api
from tests.api.people import PASSWORD, add_person
from tests.api.test_sign_in import browser, token_of
from tests.store.feed import START, arrival, microseconds, minutes, send_sampled

pytestmark = pytest.mark.timeout(60)
MODEL = "a" * 12
LI = Actor(7, "审7", "session", None)


def values(api: Api, name: str) -> dict[tuple[str, ...], float]:
    """Return the values of a metric by label values."""
    return {
        tuple(sample.labels.values()): sample.value
        for family in api.registry.collect()
        for sample in family.samples
        if sample.name == name
    }


async def refreshed(api: Api, **settings: object) -> bool:
    """Refresh half an hour after the hour of most comments."""
    services = replace(api.services, now=lambda: START + timedelta(hours=1))
    return await refresh(replace(services, settings=services.settings.model_copy(update=settings)))


async def test_figures_are_exported(own_api: Api) -> None:
    api = own_api
    await api.feed.send(
        arrival("1", uncertain=True, probability=0.5),
        arrival("2", "差", label=Label.NEGATIVE, probability=0.1),
        arrival("3", "好", platform="desk"),
        arrival("4", "行", platform="news"),
    )
    await send_sampled(api.feed, *(arrival(f"a{n}", f"样本 {n}", created=-3000) for n in range(3)))
    await add_review(api.store, LI, Opinion("forum", "1", microseconds(minutes(0)), ShownLabel.NEGATIVE))
    await add_review(api.store, LI, Opinion("forum", "2", microseconds(minutes(0)), ShownLabel.NEGATIVE))
    held = await next_tasks(api.store, 7, QueueOrder.AUDIT, CommentFilter(), 2, now=api.clock() - timedelta(minutes=5))
    for task, label in zip(held.items, (ShownLabel.POSITIVE, ShownLabel.NEGATIVE), strict=True):
        one = task.comment
        opinion = Opinion(one.platform, one.id, one.version, label, text_digest=one.text_digest, blind=True)
        await add_review(api.store, LI, opinion)

    assert await refreshed(api, metrics_platforms=1)
    assert values(api, "liuyan_review_queue_comments") == {("uncertain",): 0, ("audit",): 1, ("disputed",): 0}
    ages = values(api, "liuyan_review_queue_oldest_age_seconds")
    assert (ages["uncertain",], ages["disputed",]) == (0, 0)
    assert values(api, "liuyan_reviews") == {(MODEL,): 4}
    assert values(api, "liuyan_corrections") == {(MODEL,): 2}
    assert values(api, "liuyan_audit_sample_comments") == {(MODEL,): 2}
    assert values(api, "liuyan_audit_accuracy_ratio") == {(MODEL,): 0.5}
    [lower], [upper] = (values(api, f"liuyan_audit_accuracy_{end}_ratio").values() for end in ("lower", "upper"))
    assert 0 < lower < 0.5 < upper < 1
    assert values(api, "liuyan_last_hour_comments") == {
        ("forum", "positive"): 1,
        ("forum", "negative"): 1,
        ("other", "positive"): 2,
        ("other", "negative"): 0,
    }
    assert values(api, "liuyan_sessions") == {("admin",): 1}
    assert await refreshed(api, metrics_platforms=3)
    assert ("other", "positive") not in values(api, "liuyan_last_hour_comments")


async def test_figures_that_cannot_be_read_are_removed(own_api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    api = own_api
    await api.feed.send(arrival("1"))
    assert await refreshed(api)
    assert values(api, "liuyan_sessions")
    with monkeypatch.context() as patch:
        patch.setattr("api.figures.QUERY_SECONDS", 0)
        assert not await refreshed(api)
    assert values(api, "liuyan_sessions") == values(api, "liuyan_review_queue_comments") == {}
    assert await refreshed(api)
    assert values(api, "liuyan_sessions") == {("admin",): 1}


async def test_backup_age_counts_from_the_last_recorded_backup(own_api: Api) -> None:
    api, hour = own_api, timedelta(hours=1)

    async def ages(later: timedelta, target: float = 26) -> tuple[float | None, float | None]:
        """Return age and target in hours at a time from now."""
        services = replace(api.services, now=lambda: datetime.now(UTC) + later)
        settings = services.settings.model_copy(update={"backup_target_hours": target})
        assert await refresh(replace(services, settings=settings))
        found = [values(api, f"liuyan_backup_{name}_seconds").values() for name in ("age", "target")]
        age, limit = (round(next(iter(all)) / 3_600, 1) if all else None for all in found)
        return age, limit

    created = datetime.now(UTC) - api.clock()
    never, _ = await ages(hour * 3)
    assert never == pytest.approx(created / hour + 3, abs=0.2)
    await api.store.write(record_backup, command_actor("小李"))
    assert await ages(hour * 3) == (3, 26)
    await api.store.write(record_backup, command_actor("小李"))
    assert await ages(hour * 30, 0) == (30, None)
    # A clock behind the database's.
    assert await ages(-hour) == (0, 26)


async def test_an_unreachable_database_fails_no_refresh(own_api: Api) -> None:
    async with Store.open("mysql://nobody@127.0.0.1:9/nothing", answer_seconds=1) as store:
        assert not await refresh(replace(own_api.services, store=store))


async def test_sign_ins_are_counted_by_outcome(own_api: Api) -> None:
    api = own_api
    await add_person(api.store, "小王", now=api.clock())
    await add_person(api.store, "小李", now=api.clock(), state="disabled")
    await add_person(api.store, "小陈", now=api.clock(), state="waiting")
    await add_person(api.store, "小赵", now=api.clock() - TEMPORARY_FOR, must_change_password=True)
    for name, password in (
        ("小王", PASSWORD),
        ("小王", "wrong-password-1"),
        ("小李", PASSWORD),
        ("小陈", PASSWORD),
        ("小赵", PASSWORD),
        ("谁", "x" * 2000),
    ):
        async with browser(api) as client:
            token = await token_of(client, "/admin/login")
            await client.post("/admin/login", data={"name": name, "password": password, "csrftoken": token})
    assert values(api, "liuyan_api_sign_ins_total") == {
        ("signed_in",): 1,
        ("wrong_name_or_password",): 2,
        ("password_expired",): 1,
        ("passwords_disabled",): 0,
        ("code_required",): 0,
        ("wrong_code",): 0,
        ("sso_refused",): 0,
        ("no_role",): 0,
        ("provider_unavailable",): 0,
        ("account_waits",): 1,
        ("account_disabled",): 1,
        ("too_many_tries",): 0,
        ("error",): 0,
    }


async def test_replays_shadows_and_missing_predictions_are_exported(own_api: Api) -> None:
    api = own_api
    await api.feed.send(*(arrival(str(n), f"第 {n} 条") for n in range(5)))
    assert await refreshed(api)
    assert values(api, "liuyan_missing_predictions") == {(MODEL,): 0}
    assert values(api, "liuyan_missing_predictions_oldest_age_seconds") == {(MODEL,): 0}
    for name in ("replay_records_done", "replay_records_remaining", "replay_comments", "shadow_lag"):
        assert values(api, f"liuyan_{name}") == {}
    new = await register_model(api.store, "b" * 64, "new", 0.3, 0.7)
    replay, shadow = await start_runs(api.store, new, api.services.settings.group)
    item = TextPrediction("forum", "1", "第 1 条", Prediction(Label.NEGATIVE, 0.1, False))
    await api.store.write(write_relabelled, replay, [PartAdvance(0, 0, 3)], [item], records=3)
    await api.store.write(write_relabelled, shadow, [PartAdvance(0, 2, 3)], [])
    await api.store.write(activate, new.number, api.feed.model.number, "wang")
    await api.feed.send(arrival("6", "旧模型"), arrival("7", "旧模型"))

    assert await refreshed(api)
    label = ("b" * 12,)
    assert values(api, "liuyan_replay_records_done") == {label: 3}
    assert values(api, "liuyan_replay_records_remaining") == {label: 7}
    assert values(api, "liuyan_replay_comments") == {label: 1}
    assert values(api, "liuyan_shadow_lag") == {label: 5}
    assert values(api, "liuyan_missing_predictions") == {label: 2}
    assert label in values(api, "liuyan_missing_predictions_oldest_age_seconds")


async def start_runs(store: Store, model: ModelRow, group: str) -> tuple[RelabelRun, RelabelRun]:
    """Start a replay of ten records, and a shadow from offset 2 of a partition whose stored offset is 8."""
    key = PartitionKey(group, "shadowed", 0)
    await store.write(begin_partition, key, 8, None)
    covered = Range(topics=("shadowed",))
    replay = await start_run(
        store, LI, "replay", model.number, covered, [LogPart("shadowed", 0, None, 0, 10)], compared_with=None
    )
    shadow = await start_run(
        store, LI, "shadow", model.number, covered, [LogPart("shadowed", 0, None, 2, None)], compared_with=None
    )
    return replay, shadow
