"""What computes: the processor, or a graphics card where there is one."""

import pytest
import torch

from liuyan.errors import UsageError
from model.processor import CPU
from research.device import find_device
from research.teacher.encoder_teacher import OPTIONS, options_on


def test_the_processor_is_always_there() -> None:
    assert find_device("cpu") == CPU


def test_no_graphics_card(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UsageError, match="sees no graphics card here: leave --device out"):
        find_device("cuda")


def test_a_device_that_nobody_knows() -> None:
    with pytest.raises(UsageError, match="There is no device tpu: name cpu or cuda"):
        find_device("tpu")


def test_encoders_learn_more_of_themselves_on_a_graphics_card() -> None:
    assert options_on(CPU) == OPTIONS
    on_cuda = options_on(torch.device("cuda"))
    assert on_cuda.keys() == OPTIONS.keys()
    assert all(one.learns_words and one.pretrained == name for name, one in on_cuda.items())
