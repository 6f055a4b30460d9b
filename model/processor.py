"""Properties of the processor."""

import torch

CPU = torch.device("cpu")


def has_avx512() -> bool:
    """Return whether PyTorch uses AVX-512."""
    return bool(torch.backends.cpu.get_cpu_capability() == "AVX512")
