"""The answer cache keeps frequent texts; texts seen once cannot evict them."""

from model.cache import AnswerCache


def test_texts_are_admitted_the_second_time() -> None:
    cache = AnswerCache(10)
    cache.put("好评", 0.9)
    assert cache.get("好评") is None
    cache.put("好评", 0.9)
    assert cache.get("好评") == 0.9
    statistics = cache.statistics()
    assert (statistics.hits, statistics.misses, statistics.size) == (1, 1, 1)


def test_texts_seen_once_do_not_evict_frequent_ones() -> None:
    cache = AnswerCache(3)
    for _ in range(2):
        cache.put("不错", 0.8)
    for number in range(1_000):
        cache.put(f"只来一次 {number}", 0.5)
    assert cache.get("不错") == 0.8


def test_the_least_recently_used_text_is_evicted() -> None:
    cache = AnswerCache(2)
    for text in ("一", "一", "二", "二"):
        cache.put(text, 0.5)
    assert cache.get("一") == 0.5
    for _ in range(2):
        cache.put("三", 0.5)
    assert cache.statistics().size == 2
    assert cache.get("二") is None
    assert cache.get("一") == 0.5


def test_long_texts_and_size_zero_are_not_cached() -> None:
    long, off = AnswerCache(2), AnswerCache(0)
    for _ in range(3):
        long.put("长" * 101, 0.5)
        off.put("好", 0.5)
    assert long.statistics().size == off.statistics().size == 0
