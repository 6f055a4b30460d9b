"""Fixtures for the tests of the benchmarks."""

import pytest
import torch


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    """Limit PyTorch to one thread: with servers on the same machine, several threads take eight times as long."""
    torch.set_num_threads(1)
