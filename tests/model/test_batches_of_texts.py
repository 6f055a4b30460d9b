"""Steps that work on many texts at once give the results of the steps for one text."""

import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.artifact import SHIPPED, read_artifact
from model.gru import GruClassifier
from model.ngrams import spell_out, spell_out_all
from model.normalise import Normaliser, character_table, normalise
from model.segment import replace_surrogates, segment
from model.training.data import simplified_characters
from model.vocabulary import SPECIAL, Vocabulary, word_numbers

TABLE = character_table(simplified_characters())
NORMALISER = Normaliser(TABLE)
WORDS = [*SPECIAL, "好", "吃", "很", "酒店", "[哈哈]", "!", "a", "\ue000"]
# What the steps treat specially, and their beginnings.
PARTS = [
    *["好", "吃", "酒店", "很好吃", "這個", "龘", "𠮷", "👍🏽", "👩‍👩‍👧", "\ud800", "\udfff"],
    *["e\u0301", "\u0301", "ﬁ", "㍿", "Σ", "，", "！", "￥", "１", "2024", "iPhone", "a"],
    *["好好好", "好好", "...", "!!!!", "0000", "    ", " ", "\n", "\r\n", "\r", "\u3000"],
    *["\x1c", "\x85", "\u2028", "\x00", "{%", "%}", "{", "@小明 ", "@", "\ue000", "\ue001"],
    *["http://a.b/c", "https://", "http", "ht\u200btp://x", "www.x", "www", "网页链接", "网页"],
    *["[哈哈]", "[doge]", "[", "]", "[\ud800]", "[HAHA]"],
]
mixed = st.lists(st.sampled_from(PARTS), max_size=12).map("".join)
texts = st.lists(st.one_of(st.text(max_size=12), mixed), max_size=8)


@given(texts)
def test_normalise(batch: list[str]) -> None:
    assert NORMALISER.normalise(batch) == [normalise(text, TABLE) for text in batch]


@given(texts, st.integers(1, 9))
def test_look_up(batch: list[str], maximum_tokens: int) -> None:
    vocabulary = Vocabulary(WORDS, maximum_tokens)
    segmented = [segment(text) for text in batch]
    expected = [vocabulary.look_up(words) for words in segmented]
    together = vocabulary.look_up_all(iter(segmented))
    assert [tuple(word_numbers([one])[0].tolist()) for one in together] == expected
    numbers, lengths = word_numbers(together)
    assert numbers.tolist() == [number for one in expected for number in one]
    assert lengths.tolist() == [len(one) for one in expected]


@given(texts, st.integers(1, 9))
def test_spell_out(batch: list[str], maximum_tokens: int) -> None:
    normalised = replace_surrogates(NORMALISER.normalise(batch))
    assert spell_out_all(normalised, maximum_tokens) == [
        spell_out(segment(normalise(text, TABLE)), maximum_tokens) for text in batch
    ]


def test_every_code_point_between_words() -> None:
    """No character with a special meaning for ``str.isspace`` or rjieba makes a difference."""
    for start in range(0, 0x3100, 64):
        batch = [f"好{chr(code)}吃{chr(code)}a" for code in range(start, start + 64)]
        normalised = replace_surrogates(NORMALISER.normalise(batch))
        segmented = [segment(normalise(text, TABLE)) for text in batch]
        assert spell_out_all(normalised, 10) == [spell_out(words, 10) for words in segmented]
        assert [segment(text) for text in normalised] == segmented


@pytest.fixture(scope="module")
def classifier() -> GruClassifier:
    return GruClassifier(read_artifact(SHIPPED))


def test_the_shipped_model_prepares_real_and_mutated_comments(
    classifier: GruClassifier, real_comments: Callable[[int], list[str]]
) -> None:
    chance = random.Random(5)
    comments = real_comments(1_000)
    for text in real_comments(1_000):
        place = chance.randint(0, len(text))
        comments.append(text[:place] + chance.choice(PARTS) * chance.choice([1, 1, 2, 400]) + text[place:])
    artifact = read_artifact(SHIPPED)
    vocabulary = Vocabulary(artifact.words, artifact.configuration.maximum_tokens)
    table = character_table(artifact.simplified)
    for text, one in zip(comments, classifier.prepare(comments), strict=True):
        words = segment(normalise(text, table))
        assert tuple(word_numbers([one.numbers])[0].tolist()) == vocabulary.look_up(words)
        assert one.characters == spell_out(words, vocabulary.maximum_tokens)
        assert one.tokens == len(vocabulary.look_up(words))


def test_no_texts(classifier: GruClassifier) -> None:
    assert classifier.prepare([]) == []
    assert classifier.logits([]) == []
