"""`python -m tests.faults.mutations [NAME ...]`: exits with status 0 only if every defect is caught."""

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from liuyan.packages import PACKAGES

ROOT = Path(__file__).resolve().parents[3]
PATCHES = Path(__file__).parent


@dataclass(frozen=True)
class Mutation:
    """A defect: the name of its patch, a description, and the faults that must detect it."""

    name: str
    defect: str
    faults: str
    events: int = 6_000
    rounds: int = 1


MUTATIONS = (
    Mutation(
        "offset_ahead",
        "the offset is stored in a separate transaction before the rows",
        "cut_database,kill_database",
    ),
    Mutation("no_compare", "the offset is set without comparing", "stop_in_transaction", 20_000, 5),
    Mutation(
        "decided_early",
        "new comments and edits are distinguished while labelling, not under lock",
        "database_away,kill_consumer",
    ),
    Mutation(
        "last_record", "the next offset is the last record's + 1, not the position after the poll", "kill_consumer"
    ),
    Mutation("no_erasure_check", "events are not checked against erasures", "kill_consumer"),
    Mutation("counts_not_corrected", "an edit adds to the counts without subtracting", "kill_consumer"),
    Mutation(
        "missing_not_queued",
        "comments that another model stores are not queued for the active one",
        "promote_model",
    ),
    Mutation("mixed_models", "the model is switched in the middle of a batch", "promote_in_open_batches", rounds=3),
)


def run(mutation: Mutation) -> tuple[bool, str]:
    """Run the faults on a copy with the defect; return whether the run failed, and its last line."""
    with tempfile.TemporaryDirectory() as name:
        copy = Path(name)
        for folder in (*PACKAGES, "tests"):
            shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
        apply(mutation, copy)
        command = [sys.executable, "-m", "tests.faults", "--seed", "5", "--outage", "10"]
        done = subprocess.run(
            [*command, "--events", str(mutation.events), "--rounds", str(mutation.rounds), "--only", mutation.faults],
            cwd=copy,
            env={**os.environ, "PYTHONPATH": str(copy)},
            capture_output=True,
            text=True,
            check=False,
        )
        lines = done.stdout.splitlines()
        judged = bool(lines) and lines[-1].startswith("events ")
        return judged and done.returncode == 1, lines[-1] if lines else done.stderr[-500:]


def apply(mutation: Mutation, root: Path, *, only_check: bool = False) -> None:
    """Apply a patch below ``root``. Raises CalledProcessError if it no longer applies."""
    patch = PATCHES / f"{mutation.name}.patch"
    check = ["--check"] if only_check else []
    subprocess.run(
        ["git", "apply", *check, str(patch)], cwd=root, check=True, env={**os.environ, "GIT_DIR": "/dev/null"}
    )


def main(names: list[str]) -> int:
    """Run the named mutations, or all."""
    missed = 0
    for mutation in MUTATIONS:
        if names and mutation.name not in names:
            continue
        caught, line = run(mutation)
        missed += not caught
        sys.stdout.write(f"{'caught' if caught else 'MISSED'}  {mutation.name}: {mutation.defect}\n        {line}\n")
        sys.stdout.flush()
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
