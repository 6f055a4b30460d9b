"""bge from the jar computes the same states as ONNX Runtime."""

import shutil
from pathlib import Path
from zipfile import ZipFile

import numpy
import onnxruntime
import pytest
import torch

from liuyan.errors import LiuyanError
from liuyan.settings import load_settings
from model.normalise import URL
from research.teacher.bge import JAR, MODEL, load_bge
from research.teacher.encoder import build_encoder
from research.teacher.pretrained import Pretrained

pytestmark = pytest.mark.trains

TEXTS = ("物流很快，包装也好 👍", "this is 好吃的 test  two spaces", "房间有霉味，隔音也差，一夜没睡好", "差")


@pytest.fixture(scope="module")
def cache() -> Path:
    """The user's cache, so that the jar is downloaded once."""
    return load_settings().cache_dir / "teachers"


@pytest.fixture(scope="module")
def bge(cache: Path) -> Pretrained:
    return load_bge(cache)


def test_states_equal_onnx_runtime(bge: Pretrained, cache: Path) -> None:
    with ZipFile(cache / JAR) as jar:
        session = onnxruntime.InferenceSession(jar.read(MODEL), providers=["CPUExecutionProvider"])
    encoder = build_encoder(bge).eval()
    for pieces in bge.reader(64).read(TEXTS):
        numbers = numpy.array([pieces])
        inputs = {"input_ids": numbers, "attention_mask": numbers * 0 + 1, "token_type_ids": numbers * 0}
        (states,) = session.run(None, inputs)
        with torch.inference_mode():
            ours = encoder.mean(torch.from_numpy(numbers)).numpy()
        assert abs(ours - states.mean(1)).max() < 1e-4


def test_tokenization(bge: Pretrained) -> None:
    small, large, address = bge.reader(64).read(["ok 好", "OK 好", f"看{URL}"])
    assert small == large
    assert len(small) == 4
    assert len(address) == 4
    (whole,) = bge.reader(512).read(["房间不大。" * 9 + "再也不来了！"])
    (cut,) = bge.reader(10).read(["房间不大。" * 9 + "再也不来了！"])
    assert cut == (*whole[:5], *whole[-5:])


def test_a_different_jar(tmp_path: Path) -> None:
    (tmp_path / JAR).write_bytes(b"PK")
    with pytest.raises(LiuyanError, match="Delete it to download it again"):
        load_bge(tmp_path)


def test_without_maven(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(LiuyanError, match=r"needs Maven\. Install it, or copy"):
        load_bge(tmp_path)


def test_without_a_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: "false")
    with pytest.raises(LiuyanError, match="Maven could not download"):
        load_bge(tmp_path)
