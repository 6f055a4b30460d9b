"""Which faults overlap, and the runs in which they do."""

import random
from itertools import combinations

import pytest

from tests.faults.overlap import ALL, EFFECTS, groups
from tests.faults.run import Plan, run
from tests.faults.schedule import cut_database, kill_consumer, kill_database, promote_model, zombie
from tests.faults.test_faults import assert_clean


def test_every_fault_is_injected_once_and_disturbs_no_other() -> None:
    assert set(EFFECTS) == set(ALL)
    for seed in range(50):
        found = groups(random.Random(seed), ALL)
        assert sorted(fault.__name__ for group in found for fault in group) == sorted(fault.__name__ for fault in ALL)
        assert max(map(len, found)) == 3
        assert sum(len(group) > 1 for group in found) >= 6
        for group in found:
            assert all(EFFECTS[one].fits(EFFECTS[other]) for one, other in combinations(group, 2))


def test_the_seed_determines_the_groups() -> None:
    assert groups(random.Random(3), ALL) == groups(random.Random(3), ALL) != groups(random.Random(4), ALL)


def test_a_fault_may_not_break_what_another_needs() -> None:
    assert EFFECTS[kill_consumer].fits(EFFECTS[zombie])
    assert EFFECTS[kill_database].fits(EFFECTS[cut_database])
    assert not EFFECTS[promote_model].fits(EFFECTS[kill_consumer])
    assert not EFFECTS[kill_consumer].fits(EFFECTS[promote_model])


@pytest.mark.long
@pytest.mark.timeout(2_400)
@pytest.mark.parametrize("seed", [1, 2])
async def test_overlapping_faults_on_a_cluster(seed: int) -> None:
    verdict = await run(Plan(6_000, seed, outage=60, faults=ALL, overlap=True, nodes=3))
    assert_clean(verdict)
    assert verdict.faults == len(ALL)
