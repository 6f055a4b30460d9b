"""Explanations are faithful: without a word, the probability changes by its contribution."""

from collections.abc import Callable
from itertools import pairwise

import numpy
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from benchmarks.explanations import logit, measure
from model.artifact import SHIPPED, read_artifact
from model.explain import LEFT_OUT, contributions
from model.inference import InferenceNetwork
from model.labeller import Labeller
from model.network import Network, Shape
from model.ngrams import NONE, NgramTable
from model.normalise import character_table, normalise
from model.pieces import Piece, cut_pieces
from model.segment import segment
from model.vocabulary import Vocabulary


@pytest.mark.seconds
def test_faithful_on_real_comments(shipped: Labeller, real_comments: Callable[[int], list[str]]) -> None:
    found = [measure(shipped, text, shipped.explain(text).words) for text in real_comments(200)]
    measured = [one for one in found if one is not None]
    assert len(measured) > 150
    assert numpy.mean([one.top_agrees for one in measured]) > 0.98
    assert numpy.mean([one.top_error < 0.1 for one in measured]) > 0.96
    assert numpy.mean([one.correlation for one in measured]) > 0.92


def test_explain_takes_five_passes_and_agrees_with_predict(
    shipped: Labeller, real_comments: Callable[[int], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = real_comments(50)
    expected = [one.probability for one in shipped.predict(texts)]
    passes = 0
    logits = InferenceNetwork.logits

    def count(self: InferenceNetwork, texts: list[tuple[int, ...]]) -> object:
        nonlocal passes
        passes += len(texts)
        return logits(self, texts)

    monkeypatch.setattr(InferenceNetwork, "logits", count)
    for text, probability in zip(texts, expected, strict=True):
        passes = 1  # the pass with the gradient
        assert shipped.explain(text).prediction.probability == pytest.approx(probability, abs=1e-5)
        assert passes <= 1 + LEFT_OUT == 5


def test_pieces_equal_the_vocabulary_look_up(real_comments: Callable[[int], list[str]]) -> None:
    artifact = read_artifact(SHIPPED)
    table = character_table(artifact.simplified)
    for maximum_tokens in (400, 31):
        vocabulary = Vocabulary(artifact.words, maximum_tokens)
        for text in ["㍿和㍻", "好 吃\n吗", *real_comments(300)]:
            numbers = tuple(number for piece in cut_pieces(text, table, vocabulary) for number in piece.numbers)
            assert (numbers or (0,)) == vocabulary.look_up(segment(normalise(text, table)))


def test_words_are_pieces_of_the_original(shipped: Labeller) -> None:
    text = "房間不錯，ＷＩＦＩ很快！！！！但是服務員太差了😡 https://example.org/a"
    words = shipped.explain(text).words
    assert all(text[word.start : word.end] == word.text for word in words)
    assert all(before.end <= after.start for before, after in pairwise(words))
    contribution = {word.text: word.contribution for word in words}
    assert {"房間", "不錯", "ＷＩＦＩ", "但是", "😡", "https://example.org/a"} <= set(contribution)
    assert contribution["不錯"] > 0 > contribution["差"]


@settings(max_examples=settings().max_examples * 3 // 2, deadline=None)
@example("\u0300\uff9e")
@given(st.one_of(st.text(), st.text(alphabet="好吃！aＡﬁ㍿①é\u0300各👍🏽@张 :http://{%}壞\u200b\x00\nｶﾞ[哈]\ud800")))
def test_any_text(shipped: Labeller, text: str) -> None:
    explanation = shipped.explain(text)
    assert all(word.text and text[word.start : word.end] == word.text for word in explanation.words)
    assert all(before.end <= after.start for before, after in pairwise(explanation.words))
    assert explanation.prediction.probability == pytest.approx(shipped.predict([text])[0].probability, abs=1e-5)


@pytest.mark.parametrize("text", ["", " \n", "\u200b"])
def test_blank_texts_have_no_words(shipped: Labeller, text: str) -> None:
    explanation = shipped.explain(text)
    assert explanation.words == ()
    assert explanation.prediction.probability == pytest.approx(shipped.predict([text])[0].probability)


def test_one_word(shipped: Labeller) -> None:
    (word,) = shipped.explain("好评").words
    expected = logit(shipped.predict(["好评"])[0].probability) - logit(shipped.predict([""])[0].probability)
    assert word.text == "好评"
    assert word.contribution == pytest.approx(expected, abs=1e-4)


def test_a_long_text(shipped: Labeller) -> None:
    words = shipped.explain("很好" * 1_000).words
    assert words[0].start == 0
    assert words[-1].end == 2_000
    assert len(words) <= 400


def test_no_pieces_have_no_contributions() -> None:
    _, fall = contributions(InferenceNetwork(read_artifact(SHIPPED).weights), NgramTable(NONE), [], 400)
    assert fall == []


def presence_slopes(network: Network, numbers: list[int]) -> list[float]:
    """Return the derivatives of the logit by the presence of each word, with PyTorch's differentiation."""
    presence = torch.ones(len(numbers), requires_grad=True)
    largest, means = [], []
    for suffix, order in (("l0", range(len(numbers))), ("l0_reverse", range(len(numbers))[::-1])):
        cell = torch.nn.GRUCell(network.shape.embedding, network.shape.hidden)
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        cell.load_state_dict({name: network.gru.get_parameter(f"{name}_{suffix}") for name in names})
        state, states = torch.zeros(1, network.shape.hidden), []
        for place in order:
            new = cell(network.embedding(torch.tensor([numbers[place]])), state)
            state = state + presence[place] * (new - state)
            states.append(presence[place] * state)
        largest.append((torch.cat(states) / presence[list(order), None]).amax(0))
        means.append(torch.cat(states).sum(0) / presence.sum())
    network.output(torch.cat([*largest, *means])).backward()
    assert presence.grad is not None
    return presence.grad.tolist()


def test_estimates_are_derivatives_by_presence() -> None:
    torch.manual_seed(4)
    network = Network(Shape(50, 6, 16))
    numbers = torch.randint(50, (12,)).tolist()
    pieces = [Piece((place, place + 1), (number,), "x") for place, number in enumerate(numbers)]
    _, fall = contributions(InferenceNetwork(network.stored_weights()), NgramTable(NONE), pieces, 400)
    expected = presence_slopes(network, numbers)
    # The most important words are left out instead.
    estimated = sorted(range(len(numbers)), key=lambda place: -abs(expected[place]))[LEFT_OUT:]
    assert [fall[place] for place in estimated] == pytest.approx([expected[place] for place in estimated], abs=1e-5)
    assert max(abs(fall[place]) for place in estimated) > 1e-3
