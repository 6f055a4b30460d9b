"""Hints are reduced vectors of a teacher, which a network learns to predict."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy
import pytest
import torch

from model.artifact import read_artifact
from model.network import DEVIATION
from model.training.data import Comment
from model.training.hints import Hints, hint_loss
from model.training.options import Options
from model.training.train import train
from research.hints import COMPONENTS, Vectors, first_vectors, gather_hints, initial_word_vectors
from tests.model.reports import silent

pytestmark = pytest.mark.trains

OPTIONS = Options(epochs=6, words=300, embedding=8, hidden=8, dropout=0.0, rate=3e-2, averaging=0.5, batch=16)


def of_words(words: Sequence[str]) -> Vectors:
    return numpy.array([[len(word), word.count("很"), 1.0] for word in words], numpy.float16)


def test_principal_components_keep_distances() -> None:
    """Vectors of width 200 in a space of three dimensions keep all their distances."""
    generator = numpy.random.default_rng(1)
    vectors = (generator.normal(size=(500, 3)) @ generator.normal(size=(3, 200)) + 7).astype(numpy.float16)
    hints = gather_hints([str(row) for row in range(500)], vectors)
    assert hints.width == COMPONENTS
    kept = hints.vectors.float()
    assert abs(float(kept.square().sum(1).mean()) - 1) < 0.01
    expected = torch.cdist(torch.from_numpy(vectors.astype(numpy.float32)), torch.from_numpy(vectors[:9].astype("f4")))
    found = torch.cdist(kept, kept[:9])
    assert torch.allclose(found, expected * (found.sum() / expected.sum()), atol=0.02)


def test_initial_word_vectors_keep_directions() -> None:
    generator = numpy.random.default_rng(1)
    vectors = (generator.normal(size=(40, 6)) + 3).astype(numpy.float16)
    initial = initial_word_vectors(vectors, 8, 0.1)
    assert initial.shape == (40, 8)
    assert abs(float(initial.std()) - 0.1) < 1e-4
    about_mean = vectors.astype(numpy.float64) - vectors.astype(numpy.float64).mean(0)
    cosines = about_mean @ about_mean.T / numpy.outer(*[numpy.linalg.norm(about_mean, axis=1)] * 2)
    found = initial.double().numpy() / float(initial.norm(dim=1).mean())
    assert numpy.corrcoef((found @ found.T).ravel(), cosines.ravel())[0, 1] > 0.98


def test_a_network_starts_with_word_vectors_of_an_encoder(few_comments: dict[str, Comment], tmp_path: Path) -> None:
    options = replace(OPTIONS, epochs=1, rate=0.0, averaging=0.0, encoder_words=True)
    train(
        few_comments,
        options,
        tmp_path,
        silent,
        lambda epoch: None,
        first_vectors=first_vectors(of_words, options.embedding),
    )
    trained = read_artifact(tmp_path)
    expected = initial_word_vectors(of_words(trained.words), options.embedding, DEVIATION)
    # Quantization to 8 bits loses at most half of a 127th of the largest number.
    lost = (torch.from_numpy(trained.weights["embedding.weight"]) - expected).abs()
    assert bool((lost <= 0.57 * expected.abs().amax(1, keepdim=True) / 127).all())


def test_hint_loss_is_a_share_of_the_variance() -> None:
    vectors = torch.nn.functional.normalize(torch.randn(50, 4), dim=1)
    weights = torch.rand(50)
    assert float(hint_loss(vectors, vectors, weights)) == 0
    assert abs(float(hint_loss(torch.zeros(50, 4), vectors, weights)) - 1) < 1e-5
    half = torch.tensor([1.0] * 25 + [0.0] * 25)
    assert float(hint_loss(torch.where(half[:, None] > 0, vectors, 0), vectors, half)) == 0


def test_a_network_learns_from_hints_only(few_comments: dict[str, Comment], tmp_path: Path) -> None:
    """With uninformative targets, hints alone separate the vectors of good and bad words."""
    undecided = {key: Comment(one.text, one.positive, one.source, 0.5) for key, one in few_comments.items()}
    signs = torch.tensor([[1.0 if one.positive else -1.0] for one in undecided.values()])
    hints = Hints({key: row for row, key in enumerate(undecided)}, signs.half())

    def separation(name: str, hints: Hints | None) -> float:
        options = replace(OPTIONS, hints=1.0)
        train(undecided, options, tmp_path / name, silent, lambda epoch: None, hints=hints)
        trained = read_artifact(tmp_path / name)
        vectors = {
            word: torch.from_numpy(trained.weights["embedding.weight"][trained.words.index(word)])
            for word in ("满意", "漂亮", "失望", "讨厌")
        }
        same = torch.dist(vectors["满意"], vectors["漂亮"]) + torch.dist(vectors["失望"], vectors["讨厌"])
        other = torch.dist(vectors["满意"], vectors["失望"]) + torch.dist(vectors["漂亮"], vectors["讨厌"])
        return float(other / same)

    assert separation("hinted", hints) > 1.5 * separation("silent", None)
