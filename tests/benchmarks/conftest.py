"""How the tests of the benchmarks compute."""

import pytest

from model.labeller import use_one_core


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    """The tests' networks are tiny: threads that wait for each other beside servers took eight times as long."""
    use_one_core()
