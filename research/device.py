"""What computes: the processor, or a graphics card."""

import torch

from liuyan.errors import UsageError
from model.processor import has_avx512


def find_device(name: str) -> torch.device:
    """The device called ``name``: `cpu`, or `cuda` for a graphics card. Raises UsageError when there is none."""
    if name not in ("cpu", "cuda"):
        raise UsageError(f"There is no device {name}: name cpu or cuda.")
    if name == "cuda" and not torch.cuda.is_available():
        raise UsageError("PyTorch sees no graphics card here: leave --device out, and the processor computes.")
    if name == "cuda":
        # cuDNN's attention makes a plan for every shape, and hardly two batches are of one: a quarter as fast.
        torch.backends.cuda.enable_cudnn_sdp(False)
    return torch.device(name)


def rough_products(device: torch.device) -> torch.autocast:
    """A context in which ``device`` computes products in bfloat16, where that is quicker.

    Without AVX-512 a processor computes them a number at a time: an encoder learnt from 3 comments/s instead of 160 on
    an AMD EPYC with AVX2.
    """
    return torch.autocast(device.type, torch.bfloat16, enabled=device.type != "cpu" or has_avx512())
