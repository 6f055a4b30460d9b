"""Real encoders as teachers, trained for a few steps."""

import importlib.util
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from liuyan.errors import LiuyanError
from liuyan.settings import load_settings
from model.training.data import Comment, Part, part_of
from research.teacher.bge import JAR, load_bge
from research.teacher.corpus import Corpus
from research.teacher.encoder import build_encoder
from research.teacher.encoder_teacher import EncoderTeacher, encoder_path, options_on, train_encoder
from research.teacher.encoder_training import EncoderOptions, answer, mean_state
from research.teacher.packed import find_packed
from tests.model.reports import silent

pytestmark = pytest.mark.trains

OPTIONS = EncoderOptions(longest=16, pieces_in_batch=128, chunk=32, warmup=2)


@pytest.fixture
def corpus(few_comments: dict[str, Comment]) -> Corpus:
    parts: dict[Part, dict[str, Comment]] = {"train": {}, "validation": {}, "test": {}}
    for key in sorted(few_comments)[:150]:
        parts[part_of(key)][key] = few_comments[key]
    return Corpus(parts, {}, few_comments.keys())


def test_train_and_ask_an_encoder(corpus: Corpus, tmp_path: Path) -> None:
    path = tmp_path / "not there yet" / "encoder.pt"
    with pytest.raises(LiuyanError, match=r"Train one with `python -m research\.teacher encoder`"):
        EncoderTeacher(path)
    rows = list(train_encoder(corpus, path, OPTIONS, 32, silent))
    assert [row.comments for row in rows] == [32]
    assert rows[0].sources.keys() == {"made_up"}
    assert list(train_encoder(corpus, path, OPTIONS, 32, silent)) == []
    teacher = EncoderTeacher(path)
    texts = {"a": "早餐很好", "b": "早餐很差，再也不来了"}
    reply, reversed_reply = teacher.answer(texts), teacher.answer(dict(reversed(texts.items())))
    assert reply.logits == pytest.approx(reversed_reply.logits[::-1], abs=0.02)
    assert reply.vectors is not None
    assert reply.vectors.shape == (2, teacher.width)
    assert EncoderTeacher(path).digest == teacher.digest


def test_an_encoder_with_trained_token_embeddings(corpus: Corpus, tmp_path: Path) -> None:
    cache = load_settings().cache_dir / "teachers"
    before = load_bge(cache)
    (tmp_path / JAR).symlink_to(cache / JAR)
    path = tmp_path / "encoder.pt"
    many = options_on(torch.device("cuda"))["bge"]
    options = replace(many, longest=16, pieces_in_batch=128, chunk=32, warmup=2)
    list(train_encoder(corpus, path, options, 32, silent))
    trained = build_encoder(before, learns_words=True).eval()
    trained.load_state_dict(mean_state(trained, torch.load(path, weights_only=True)["mean"]))
    assert (trained.words - before.words).abs().max() > 1e-6
    texts = ["早餐很好", "早餐很差，再也不来了"]
    logits, _ = answer(trained, before.reader(16).read(texts), 1_024)
    reply = EncoderTeacher(path).answer(dict(zip("ab", texts, strict=True)))
    assert reply.logits == pytest.approx(logits.tolist(), abs=0.02)
    with torch.no_grad():
        trained.words.copy_(before.words)
        trained.positions.copy_(build_encoder(before).positions)
    assert answer(trained, before.reader(16).read(texts), 1_024)[0].tolist() != logits.tolist()


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(LiuyanError, match="Run `make install`"):
        find_packed()


def test_unknown_encoder(tmp_path: Path) -> None:
    with pytest.raises(LiuyanError, match=r"Unknown encoder bert\. Use one of e5, bge"):
        encoder_path(tmp_path, "bert")
