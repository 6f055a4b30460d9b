"""Keywords: scores, and samples that are kept up to date in memory."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from api import keyword_samples
from api.keyword_samples import EMPTY, KeywordSamples, Sample, read_sample
from api.keywords import Cut, Keywords, cut_text, find_keywords
from model.labeller import Labeller
from store.batch import Arrival, Label
from store.comments import ShownLabel
from store.search import CommentFilter
from tests.api.conftest import Api
from tests.store.feed import arrival, minutes, tombstone

DAY = timedelta(days=1)
POSITIVE = ["物流很快，真不错！", "包装不错，物流很快 👍", "老板人很好，物流很快 👍", "很快就到了，不错 👍"]
NEGATIVE = ["客服不理人，退货！", "屏幕坏了，退货", "等了很久，发错了，退货", "退货也不理人，失望"]


def find(positive: Sequence[str], negative: Sequence[str], cut: Cut) -> Keywords:
    return find_keywords([cut_text(one, cut) for one in positive], [cut_text(one, cut) for one in negative], limit=5)


def test_words_of_one_label_are_keywords_and_common_words_are_not(labeller: Labeller) -> None:
    found = find(POSITIVE * 20, NEGATIVE * 20, labeller.words)
    assert {"很快", "👍"} <= {word.word for word in found.positive}
    assert "退货" in {word.word for word in found.negative}
    everything = {word.word for word in (*found.positive, *found.negative)}
    assert not everything & {"，", "！", "了"}
    best = found.negative[0]
    assert (best.word, best.negative, best.positive) == ("退货", 80, 0)
    assert found.positive == sorted(found.positive, key=lambda word: -word.score)


def test_a_comment_that_repeats_a_word_counts_once(labeller: Labeller) -> None:
    found = find(["神奇 " * 300, *POSITIVE * 10], NEGATIVE * 10, labeller.words)
    assert "神奇" not in {word.word for word in found.positive}


def test_equal_samples_have_no_keywords(labeller: Labeller) -> None:
    found = find(POSITIVE * 10, POSITIVE * 10, labeller.words)
    assert (found.positive, found.negative) == ([], [])


@pytest.mark.parametrize(("positive", "negative"), [([], []), ([], NEGATIVE * 10), (["，。！"], ["123"])])
def test_an_empty_sample_has_no_keywords(positive: list[str], negative: list[str], labeller: Labeller) -> None:
    found = find(positive, negative, labeller.words)
    assert found.positive == []


def test_a_text_may_be_a_single_word(labeller: Labeller) -> None:
    assert [word.word for word in find(["满意"] * 50, [], labeller.words).positive] == []
    assert [word.word for word in find(["满意"] * 50, ["失望"] * 50, labeller.words).positive] == ["满意"]


def test_function_words_and_single_characters_are_no_keywords() -> None:
    said = {"这个": 1, "The": 1, "好": 1, "没有": 1, "👍": 1, "excellent": 1}
    found = find([" ".join(said)] * 50, ["失望"] * 50, str.split)
    assert {word.word for word in found.positive} == {"没有", "👍", "excellent"}


def test_counts_are_those_of_a_search_for_the_word() -> None:
    found = find(["Good 很快 乐"] * 30 + ["很快乐"] * 10 + ["GOOD"] * 5, ["失望"] * 45, str.split)
    counts = {word.word: (word.positive, word.negative) for word in found.positive}
    # The word is a part of a longer one, and Latin letters match in either case.
    assert counts["很快"] == (40, 0)
    assert counts["很快乐"] == (10, 0)
    assert counts["Good"] == (35, 0)


class Cutter:
    """A model that records what it segments."""

    sha256 = "a" * 64

    def __init__(self) -> None:
        self.cut: list[str] = []

    def words(self, text: str) -> list[str]:
        self.cut.append(text)
        return text.split()


def texts(sample: Sample, label: ShownLabel) -> list[str]:
    return [entry.text.folded for entry in sample[label].entries]


async def test_a_refresh_segments_only_new_and_edited_comments(api: Api) -> None:
    model, samples = Cutter(), KeywordSamples()
    await api.feed.send(*(arrival(f"p{n}", f"很快 {n}", created=n) for n in range(3)), _bad("n", "退货", 9))
    await samples.refresh(api.store, model)
    assert sorted(model.cut) == ["很快 0", "很快 1", "很快 2", "退货"]
    model.cut.clear()
    await api.feed.send(
        arrival("p1", "改了", created=1, edited=30), arrival("p3", "更多", created=40), tombstone("p0", at=50)
    )
    await samples.refresh(api.store, model)
    assert sorted(model.cut) == ["改了", "更多"]
    now = datetime.now(UTC)
    sample = await samples.get(api.store, model, CommentFilter(), now)
    assert texts(sample, ShownLabel.POSITIVE) == ["更多", "很快 2", "改了"]
    assert texts(sample, ShownLabel.NEGATIVE) == ["退货"]
    # A range that has not ended is a part of the sample.
    later = await samples.get(api.store, model, CommentFilter(created_from=minutes(2), created_to=now + DAY), now)
    assert texts(later, ShownLabel.POSITIVE) == ["更多", "很快 2"]
    assert sorted(model.cut) == ["改了", "更多"]
    # One in the past is read and cached.
    past = await samples.get(api.store, model, CommentFilter(created_to=minutes(10)), now)
    assert texts(past, ShownLabel.POSITIVE) == ["很快 2", "改了"]
    again = await samples.get(api.store, model, CommentFilter(created_to=minutes(10)), now)
    assert again is past


async def test_a_platform_is_refreshed_once_a_page_has_asked_for_it(api: Api) -> None:
    model, samples, now = Cutter(), KeywordSamples(), datetime.now(UTC)
    await api.feed.send(arrival("a", "很快", platform="desk"), arrival("b", "很好"))
    await samples.refresh(api.store, model)
    desk = CommentFilter(platform="desk")
    assert texts(await samples.get(api.store, model, desk, now), ShownLabel.POSITIVE) == ["很快"]
    await api.feed.send(arrival("c", "更多", created=9, platform="desk"))
    await samples.refresh(api.store, model)
    assert texts(await samples.get(api.store, model, desk, now), ShownLabel.POSITIVE) == ["更多", "很快"]


async def test_a_sample_begins_where_a_search_from_its_oldest_comment_does(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyword_samples, "SAMPLE", 4)
    # The oldest two of the newest four were written at the same time as a fifth one.
    await api.feed.send(*(arrival(f"p{n}", f"很快 {n}", created=max(n, 3)) for n in range(6)))
    side = (await read_sample(api.store, str.split, CommentFilter(), EMPTY))[ShownLabel.POSITIVE]
    assert [entry.created_at for entry in side.entries] == [minutes(5), minutes(4)]
    assert (side.full, side.complete) == (True, True)
    assert side.since(minutes(5)).full is False


async def test_time_and_memory_limits_are_stated(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    await api.feed.send(*(arrival(f"p{n}", "很快 很快", created=n) for n in range(6)), _bad("n", "退货", 9))
    monkeypatch.setattr(keyword_samples, "MAXIMUM_CHARACTERS", 12)
    side = (await read_sample(api.store, str.split, CommentFilter()))[ShownLabel.POSITIVE]
    assert (len(side.entries), side.complete) == (2, False)
    clock = iter(range(1_000))
    monkeypatch.setattr(keyword_samples, "monotonic", lambda: next(clock))
    sample = await read_sample(api.store, str.split, CommentFilter())
    assert len(sample[ShownLabel.POSITIVE].entries) == 2
    assert not sample[ShownLabel.POSITIVE].complete
    assert sample[ShownLabel.NEGATIVE].complete


def _bad(id: str, text: str, created: float) -> Arrival:
    return arrival(id, text, created=created, label=Label.NEGATIVE, probability=0.1)
