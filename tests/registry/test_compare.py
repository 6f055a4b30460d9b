"""A comparison counts every comment once, survives crashes, and shows examples without storing their texts."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from liuyan.settings import Settings
from model.artifact import read_artifact, write_artifact
from registry import compare
from registry.compare import Worker, work_on_comparison
from registry.comparison_result import ComparisonResult, Sample, result_from_json
from registry.register import register
from registry.show_comparison import print_comparison
from registry.trained_on import TrainedOn
from store.comments import ShownLabel
from store.comparison_scan import Step, read_step
from store.comparisons import (
    ComparisonOrder,
    claim_comparison,
    finish_comparison,
    order_comparison,
    read_comparison,
    read_examples,
)
from store.errors import TransientStoreError
from store.model_tables import comparison_examples, comparisons, model_files
from store.store import Store
from store.tables import comments, models
from tests.registry.artifacts import write_model
from tests.registry.two_models import WANG, TwoModels, review_all, text_of, two_models
from tests.store.feed import arrival, tombstone


async def ordered(store: Store, both: TwoModels) -> int:
    return await store.write(order_comparison, WANG, ComparisonOrder(both.old.number, both.new.number), None)


async def result_of(store: Store, number: int) -> ComparisonResult:
    found = await store.read(read_comparison, number)
    assert found is not None
    assert found[1] is not None
    return result_from_json(found[1])


async def test_a_comparison_has_all_figures(store: Store, settings: Settings, tmp_path: Path) -> None:
    both = await two_models(store, tmp_path, 120)
    assert len(both.flipped) > 20
    await review_all(store, [str(n) for n in range(0, 60, 2)], ShownLabel.POSITIVE)
    await review_all(store, [str(n) for n in range(1, 60, 2)], ShownLabel.NEGATIVE)
    number = await ordered(store, both)
    reported: list[tuple[int, int]] = []
    worker = Worker(store, settings, 1)
    assert await work_on_comparison(worker, report=lambda done, last: reported.append((done, last)))
    assert not await work_on_comparison(worker)
    assert reported[-1][0] == reported[-1][1]

    result = await result_of(store, number)
    to_positive = sum(1 for id in both.flipped if both.probabilities[id][1] >= 0.5)
    total = result.total
    assert (total.compared, total.to_positive, total.to_negative) == (
        120,
        to_positive,
        len(both.flipped) - to_positive,
    )
    assert result.reviews.judged == 60
    right = sum((both.probabilities[str(n)][1] >= 0.5) == (n % 2 == 0) for n in range(60))
    assert result.reviews.new.right == right
    assert (result.unbiased.sample, result.old_trained_on) == (Sample.AUDIT, TrainedOn.NONE)


async def test_examples_have_deciding_words_but_no_texts(store: Store, settings: Settings, tmp_path: Path) -> None:
    both = await two_models(store, tmp_path, 120)
    number = await ordered(store, both)
    await work_on_comparison(Worker(store, settings, 1))
    shown = await store.read(read_examples, number)
    assert 10 <= len(shown) <= 20
    assert {one.id for one in shown} <= both.flipped
    for one in shown:
        assert one.text == text_of(int(one.id))
        assert (one.example.old_probability, one.example.new_probability) == pytest.approx(both.probabilities[one.id])
        for stored in (one.example.old_words, one.example.new_words):
            words = json.loads(stored or "")
            assert words
            assert all(one.text[start:end].strip() and value for start, end, value in words)
    async with store.reading() as connection:
        rows = [*(await connection.execute(select(comparisons))).all()]
        rows += (await connection.execute(select(comparison_examples))).all()
    assert not [row for row in rows if "好" in repr(row) or "差" in repr(row)]
    await both.feed.send(tombstone(shown[0].id, at=1), arrival(shown[1].id, "改了", edited=5))
    after = await store.read(read_examples, number)
    assert [one.id for one in after] == [one.id for one in shown[1:]]
    assert after[0].text is None


async def test_the_most_important_words_are_printed_for_both_models(
    store: Store, settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    both = await two_models(store, tmp_path, 40)
    number = await ordered(store, both)
    await work_on_comparison(Worker(store, settings, 1))
    found = await store.read(read_comparison, number)
    assert found is not None
    shown = await store.read(read_examples, number)
    print_comparison(found[0], await result_of(store, number), [*shown[:1], replace(shown[1], text=None)])
    *_, header, first, edited = capsys.readouterr().out.splitlines()
    assert header.split("\t")[-3:] == ["text", "deciding words, old", "deciding words, new"]
    for cell, stored in zip(
        first.split("\t")[-2:], (shown[0].example.old_words, shown[0].example.new_words), strict=True
    ):
        words = sorted(json.loads(stored or ""), key=lambda word: -abs(word[2]))[:5]
        text = shown[0].text or ""
        assert cell[5:] == "  ".join(f"{text[start:end]} {value:+.2f}" for start, end, value in words)
    assert edited.split("\t")[-3:] == ["(edited since)", "old: -", "new: -"]


async def test_another_process_continues_where_one_died(
    store: Store, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = await two_models(store, tmp_path, 120)
    whole = await ordered(store, both)
    await work_on_comparison(Worker(store, settings, 1))
    number = await ordered(store, both)
    steps: list[int] = []

    async def small_step(
        connection: AsyncConnection, order: ComparisonOrder, after: int, last: int, size: int = 7
    ) -> Step:
        if len(steps) == 5:
            steps.append(after)
            raise TransientStoreError("The server is away.")
        steps.append(after)
        return await read_step(connection, order, after, last, size)

    monkeypatch.setattr(compare, "read_step", small_step)
    monkeypatch.setattr(compare, "SAVE_SECONDS", 0.0)
    with pytest.raises(TransientStoreError):
        await work_on_comparison(Worker(store, settings, 2))
    assert not await work_on_comparison(Worker(store, settings, 3)), "the lease still holds"
    async with store.writing() as session:
        past = datetime.now(UTC) - timedelta(seconds=1)
        await session.connection.execute(update(comparisons).values(claimed_until=past))
    assert await work_on_comparison(Worker(store, settings, 3))
    assert len(steps) == len(set(steps)) + 1, "only the failed step was repeated"
    assert await result_of(store, number) == await result_of(store, whole)


async def test_a_process_that_lost_its_lease_changes_nothing(
    store: Store, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = await two_models(store, tmp_path, 30)
    number = await ordered(store, both)

    async def slow_step(connection: AsyncConnection, order: ComparisonOrder, after: int, last: int) -> Step:
        past = datetime.now(UTC) - timedelta(seconds=1)
        async with store.writing() as session:
            await session.connection.execute(update(comparisons).values(claimed_until=past))
        claimed = await store.write(claim_comparison, 9)
        assert claimed is not None
        await store.write(finish_comparison, number, 9, '"first"', [])
        return await read_step(connection, order, after, last)

    monkeypatch.setattr(compare, "read_step", slow_step)
    assert await work_on_comparison(Worker(store, settings, 1))
    found = await store.read(read_comparison, number)
    assert found is not None
    assert found[1] == '"first"'


async def test_without_an_artifact_there_are_no_words(store: Store, settings: Settings, tmp_path: Path) -> None:
    both = await two_models(store, tmp_path, 60)
    async with store.writing() as session:
        gone = model_files.delete().where(model_files.c.model_number == both.new.number)
        await session.connection.execute(gone)
        # As an earlier version registered it.
        await session.connection.execute(update(models).values(trained_on=None))
    number = await ordered(store, both)
    await work_on_comparison(Worker(store, settings, 1))
    shown = await store.read(read_examples, number)
    assert shown
    assert all(one.example.old_words and one.example.new_words is None for one in shown)
    result = await result_of(store, number)
    assert (result.old_trained_on, result.new_trained_on) == (TrainedOn.NONE, TrainedOn.UNKNOWN)
    assert result.unbiased.sample == Sample.HELD_BACK


async def test_registration_records_the_training(store: Store, settings: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    write_model(folder, 1)
    artifact = read_artifact(folder)
    for sources, expected in (([], "none"), (["database"], "database"), (["database", "file"], "file")):
        metrics = {"review_sources": sources}
        parts = (artifact.configuration, artifact.words, artifact.simplified, metrics, artifact.weights)
        write_artifact(folder, *parts)
        assert (await register(store, folder, WANG)).model.trained_on == expected


async def test_audited_comments_are_compared_by_half(store: Store, settings: Settings, tmp_path: Path) -> None:
    both = await two_models(store, tmp_path, 100, sampled=80)
    async with store.writing() as session:
        of = comments
        decided = update(of).where(of.c.audit_rank.is_not(None)).values(blind_label="positive")
        await session.connection.execute(decided)
        held = (await session.connection.execute(select(of.c.id).where(of.c.audit_rank % 2 == 0))).scalars().all()
    empty_cache = settings.model_copy(update={"cache_dir": tmp_path / "empty"})
    for settings_used, sample, judged in ((settings, Sample.AUDIT, 80), (empty_cache, Sample.HELD_BACK, len(held))):
        number = await ordered(store, both)
        await work_on_comparison(Worker(store, settings_used, 1))
        async with store.writing() as session:
            await session.connection.execute(model_files.delete())
            await session.connection.execute(update(models).values(trained_on=None))
        unbiased = (await result_of(store, number)).unbiased
        assert (unbiased.sample, unbiased.judged) == (sample, judged)
    assert 20 < len(held) < 60
