"""Augmented texts are repeatable, consist of real texts and contain nothing held out."""

from itertools import islice

import numpy
import pytest

from model.training.data import Comment, Part, digest, part_of
from model.training.options import Options
from research.augment import LONGEST, NEIGHBOURS, Pool, augment, find_neighbours, join, replaceable, split
from research.teacher.augmented import augment_corpus
from research.teacher.corpus import Corpus
from tests.model.reports import silent

FOOD = ["菜", "很", "好吃", "，", "服务", "也", "周到", "。", "下次", "再", "来"]
BOOK = ["这", "本书", "印刷", "很", "差", "！"]
NEIGHBOURHOOD = {"好吃": ["难吃", "美味"], "印刷": ["装订"]}
POOL = Pool([FOOD, BOOK], ["food", "books"], [1.0, 1.0])


def generate(pool: Pool, number: int, seed: int = 1) -> list[str]:
    return list(islice(augment(pool, NEIGHBOURHOOD, seed), number))


def test_augmentation_depends_on_the_seed_only() -> None:
    assert generate(POOL, 200) == generate(POOL, 200)
    assert generate(POOL, 200) != generate(POOL, 200, seed=2)


def test_texts_consist_of_words_and_their_neighbours() -> None:
    words = {*FOOD, *BOOK, "难吃", "美味", "装订"}
    texts = generate(POOL, 500)
    for word in words:
        assert any(word in text for text in texts)
    left = {text.translate(str.maketrans("", "", "".join(words))) for text in texts}
    assert left == {""}
    assert len(set(texts)) > 50


def test_joined_texts_have_one_source() -> None:
    texts = generate(POOL, 500)
    assert any(text.count("好吃") + text.count("美味") + text.count("难吃") == 2 for text in texts)
    assert not any("菜" in text and "本书" in text for text in texts)


def test_texts_are_sampled_by_weight() -> None:
    texts = generate(Pool([FOOD, BOOK], ["food", "books"], [9.0, 1.0]), 1_000)
    assert 40 < sum(any(word in text for word in ("这", "本书", "印刷", "差")) for text in texts) < 180


def test_long_texts_are_cut() -> None:
    texts = generate(Pool([["好"] * 1_000], ["one"], [1.0]), 100)
    assert 0 < max(map(len, texts)) <= LONGEST


def test_split() -> None:
    assert split(FOOD) == [FOOD[:4], FOOD[4:8], FOOD[8:]]
    assert split(["！", "！", "！", "！"]) == [["！", "！", "！", "！"]]
    assert split(["好", "！", "！"]) == [["好", "！", "！"]]


def test_join() -> None:
    assert join(["wifi", "ok", "，", "很", "nice", "123", "!"]) == "wifi ok，很nice 123!"


def test_neighbours() -> None:
    directions = {"好": (1, 0), "棒": (0.9, 0.1), "书": (0, 1), "本": (0.1, 0.9)}
    found = find_neighbours(list(directions), numpy.array(list(directions.values()), numpy.float16))
    assert [others[0] for others in found.values()] == ["棒", "好", "本", "书"]
    assert all(word not in others and len(others) == min(NEIGHBOURS, 3) for word, others in found.items())


def test_grammatical_words_are_not_replaced() -> None:
    texts = [["的", "好吃", "wifi", "😡", "菜"]] + [["的", "饭店"]] * 400
    assert replaceable(["的", "好吃", "wifi", "😡", "菜", "饭店"], texts) == ["好吃", "菜", "饭店"]


@pytest.fixture
def corpus(few_comments: dict[str, Comment]) -> Corpus:
    parts: dict[Part, dict[str, Comment]] = {"train": {}, "validation": {}, "test": {}}
    for key in sorted(few_comments):
        parts[part_of(key)][key] = few_comments[key]
    return Corpus(parts, {digest("菜也很好"): "菜也很好"}, frozenset({*few_comments, digest("酒店")}))


def augmented(corpus: Corpus, number: int) -> dict[str, str]:
    def vectors(words: object) -> numpy.ndarray[tuple[int, int], numpy.dtype[numpy.float16]]:
        assert isinstance(words, list)
        return numpy.random.default_rng(1).standard_normal((len(words), 4)).astype(numpy.float16)

    return augment_corpus(corpus, number, Options(words=300), None, vectors, silent)


def test_augmented_texts_are_new_and_in_the_train_part(corpus: Corpus) -> None:
    texts = augmented(corpus, 300)
    assert len(texts) == 300
    assert all(digest(text) == key and part_of(key) == "train" for key, text in texts.items())
    assert not texts.keys() & (corpus.known | corpus.unlabelled.keys())
    assert list(augmented(corpus, 100).items()) == list(texts.items())[:100]


def test_augmentation_ends_without_new_texts(corpus: Corpus) -> None:
    only = next(iter(corpus.parts["train"]))
    few = Corpus({**corpus.parts, "train": {only: corpus.parts["train"][only]}}, {}, corpus.known)
    assert 0 < len(augmented(few, 500)) < 500
