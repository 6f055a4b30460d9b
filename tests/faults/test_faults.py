"""The short fault run for every change, and long ones; see also `make faults`."""

import pytest

from tests.faults.run import Verdict, run
from tests.faults.schedule import FAULTS


def assert_clean(verdict: Verdict) -> None:
    assert verdict.failures == ()
    assert str(verdict) == f"events {verdict.events} lost 0 duplicated 0 wrong 0 faults {verdict.faults}"


@pytest.mark.minutes
@pytest.mark.timeout(600)
async def test_tables_follow_the_contract_after_every_fault() -> None:
    verdict = await run(events=10_000, seed=7, outage=10, rounds=1)
    assert_clean(verdict)
    assert verdict.faults == len(FAULTS)
    assert verdict.events > 9_000


@pytest.mark.long
@pytest.mark.timeout(2_400)
@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_a_long_load(seed: int) -> None:
    assert_clean(await run(events=200_000, seed=seed, outage=60, rounds=1))
