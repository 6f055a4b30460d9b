"""The device for training: CPU or GPU."""

import pytest
import torch

from liuyan.errors import UsageError
from model.processor import CPU
from research.device import find_device
from research.teacher.encoder_teacher import OPTIONS, options_on


def test_cpu() -> None:
    assert find_device("cpu") == CPU


def test_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UsageError, match=r"PyTorch finds no GPU\. Leave out --device"):
        find_device("cuda")


def test_unknown_device() -> None:
    with pytest.raises(UsageError, match=r"Unknown device tpu\. Use cpu or cuda"):
        find_device("tpu")


def test_token_embeddings_are_trained_on_a_gpu() -> None:
    assert options_on(CPU) == OPTIONS
    on_cuda = options_on(torch.device("cuda"))
    assert on_cuda.keys() == OPTIONS.keys()
    assert all(one.learns_words and one.pretrained == name for name, one in on_cuda.items())
