"""The short fault run for every change, and long ones; see also `make faults`."""

import pytest

from tests.faults.run import Plan, Verdict, run
from tests.faults.schedule import FAULTS, promote_model


def assert_clean(verdict: Verdict) -> None:
    assert verdict.failures == ()
    assert str(verdict) == f"events {verdict.events} lost 0 duplicated 0 wrong 0 faults {verdict.faults}"


def assert_switched(verdict: Verdict) -> None:
    assert verdict.seen["promotions with full queues"] >= 1
    assert verdict.seen["consumers killed while they load a model"] >= 1


@pytest.mark.minutes
@pytest.mark.timeout(600)
async def test_tables_follow_the_contract_after_every_fault() -> None:
    """With two promotions, the first of a model with another vocabulary that one consumer cannot obtain at first.

    The API servers follow both without a restart, and each of their answers comes from one model.
    """
    verdict = await run(Plan(events=8_000, seed=7, outage=8, api_servers=2))
    assert_clean(verdict)
    assert_switched(verdict)
    assert verdict.faults == len(FAULTS)
    assert verdict.events > 9_000


@pytest.mark.long
@pytest.mark.timeout(600)
async def test_repeated_promotions() -> None:
    verdict = await run(Plan(10_000, seed=11, outage=10, rounds=2, faults=[promote_model], api_servers=2))
    assert_clean(verdict)
    assert_switched(verdict)


@pytest.mark.long
@pytest.mark.timeout(2_400)
@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_a_long_load(seed: int) -> None:
    assert_clean(await run(Plan(events=200_000, seed=seed, outage=60)))
