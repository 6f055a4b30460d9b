"""Mutation patches apply to the code; checking that each makes a run fail takes minutes: `make mutations`."""

from pathlib import Path

import pytest

from tests.faults.mutations.__main__ import MUTATIONS, PATCHES, ROOT, Mutation, apply, run


def test_every_patch_has_a_mutation() -> None:
    assert {patch.stem for patch in Path(PATCHES).glob("*.patch")} == {mutation.name for mutation in MUTATIONS}


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_a_patch_applies(mutation: Mutation) -> None:
    apply(mutation, ROOT, only_check=True)


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_a_defect_makes_a_run_fail(mutation: Mutation) -> None:
    caught, line = run(mutation)
    assert caught, line
