"""Fixtures for the tests of the benchmarks."""

import pytest

from model.labeller import use_one_core


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    """Limit PyTorch to one thread: with servers on the same machine, several threads take eight times as long."""
    use_one_core()
