"""Keywords: scores, time limit and cache."""

import asyncio
from collections.abc import Sequence

import pytest

from api import keywords as keywords_module
from api.keywords import Keywords, KeywordsCache, find_keywords
from model.labeller import Labeller

POSITIVE = ["物流很快，真不错！", "包装不错，物流很快 👍", "老板人很好，物流很快 👍", "很快就到了，不错 👍"]
NEGATIVE = ["客服不理人，退货！", "屏幕坏了，退货", "等了很久，发错了，退货", "退货也不理人，失望"]


def find(positive: Sequence[str], negative: Sequence[str], labeller: Labeller, seconds: float = 10) -> Keywords:
    return find_keywords(positive, negative, labeller.words, limit=5, seconds=seconds)


def test_words_of_one_label_are_keywords_and_common_words_are_not(labeller: Labeller) -> None:
    found = find(POSITIVE * 20, NEGATIVE * 20, labeller)
    assert {"很快", "👍"} <= {word.word for word in found.positive}
    assert "退货" in {word.word for word in found.negative}
    everything = {word.word for word in (*found.positive, *found.negative)}
    assert not everything & {"，", "！", "了"}
    best = found.negative[0]
    assert (best.word, best.negative, best.positive) == ("退货", 80, 0)
    assert found.positive == sorted(found.positive, key=lambda word: -word.score)
    assert (found.positive_comments, found.negative_comments, found.complete) == (80, 80, True)


def test_a_comment_that_repeats_a_word_counts_once(labeller: Labeller) -> None:
    found = find(["神奇 " * 300, *POSITIVE * 10], NEGATIVE * 10, labeller)
    assert "神奇" not in {word.word for word in found.positive}


def test_equal_samples_have_no_keywords(labeller: Labeller) -> None:
    found = find(POSITIVE * 10, POSITIVE * 10, labeller)
    assert (found.positive, found.negative) == ([], [])


@pytest.mark.parametrize(("positive", "negative"), [([], []), ([], NEGATIVE * 10), (["，。！"], ["123"])])
def test_an_empty_sample_has_no_keywords(positive: list[str], negative: list[str], labeller: Labeller) -> None:
    found = find(positive, negative, labeller)
    assert (found.positive_comments, found.negative_comments) == (len(positive), len(negative))
    assert found.positive == []


def test_a_text_may_be_a_single_word(labeller: Labeller) -> None:
    assert [word.word for word in find(["满意"] * 50, [], labeller).positive] == []
    assert [word.word for word in find(["满意"] * 50, ["失望"] * 50, labeller).positive] == ["满意"]


def test_function_words_and_single_characters_are_no_keywords() -> None:
    said = {"这个": 1, "The": 1, "好": 1, "没有": 1, "👍": 1, "excellent": 1}
    found = find_keywords([" ".join(said)] * 50, ["失望"] * 50, str.split, limit=9, seconds=10)
    assert {word.word for word in found.positive} == {"没有", "👍", "excellent"}


def test_the_time_limit_truncates_both_samples_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(1_000))
    monkeypatch.setattr(keywords_module, "monotonic", lambda: next(clock))
    found = find_keywords(["好"] * 50, ["差"] * 50, list, limit=5, seconds=10)
    assert (found.positive_comments, found.negative_comments, found.complete) == (10, 10, False)


async def test_a_result_is_computed_once_and_cached() -> None:
    now = 0.0
    cache = KeywordsCache(now=lambda: now)
    asked: list[str] = []

    async def answer(key: str) -> Keywords:
        asked.append(key)
        await asyncio.sleep(0)
        if key == "broken":
            raise TimeoutError
        return Keywords([], [], len(asked), 0, True)

    async def get(key: str) -> Keywords:
        return await cache.get(key, lambda: asyncio.create_task(answer(key)))

    first, second, other = await asyncio.gather(get("a"), get("a"), get("b"))
    assert first is second
    assert other is not first
    now = keywords_module.KEEP_SECONDS - 1
    assert await get("a") is first
    now = keywords_module.KEEP_SECONDS
    assert await get("a") is not first
    for _ in range(2):
        with pytest.raises(TimeoutError):
            await get("broken")
    assert asked == ["a", "b", "a", "broken", "broken"]


async def test_a_cancelled_request_does_not_cancel_others() -> None:
    cache = KeywordsCache()
    go = asyncio.Event()

    async def answer() -> Keywords:
        await go.wait()
        return Keywords([], [], 0, 0, True)

    waiting = [asyncio.create_task(cache.get("a", lambda: asyncio.create_task(answer()))) for _ in range(2)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    await asyncio.sleep(0)
    go.set()
    assert (await waiting[1]).complete
