"""The patches fit the code; that each turns a run red takes minutes: `make mutations`."""

from pathlib import Path

import pytest

from tests.faults.mutations.__main__ import MUTATIONS, PATCHES, ROOT, Mutation, apply, run


def test_every_patch_is_run() -> None:
    assert {patch.stem for patch in Path(PATCHES).glob("*.patch")} == {mutation.name for mutation in MUTATIONS}


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_a_patch_fits_the_code(mutation: Mutation) -> None:
    apply(mutation, ROOT, only_check=True)


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_a_defect_turns_a_run_red(mutation: Mutation) -> None:
    caught, line = run(mutation)
    assert caught, line
