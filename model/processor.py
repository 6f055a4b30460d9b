"""What the processor is good at."""

import torch

CPU = torch.device("cpu")


def has_avx512() -> bool:
    """Whether PyTorch computes with AVX-512 here."""
    return bool(torch.backends.cpu.get_cpu_capability() == "AVX512")
