"""Damaged files through publish_file.py: checked completely before anything is sent, and refused in a few sentences."""

import asyncio
import json
import sys
from pathlib import Path

from tests.file_cases import READABLE, REJECTED
from tests.text_files.damage import damaged_files

PROGRAM = Path(__file__).parent.parent.parent / "producer_examples" / "publish_file.py"
DAMAGED = 20
# Runs the program once for each file, in one process, with a Kafka that is not there, and prints what each run did.
RUNNER = """
import contextlib, io, json, runpy, sys
program = sys.argv[1]
for file in json.load(sys.stdin):
    sys.argv = [program, file, "--kafka", "127.0.0.1:9"]
    errors, status = io.StringIO(), 0
    with contextlib.redirect_stdout(errors), contextlib.redirect_stderr(errors):
        try:
            runpy.run_path(program, run_name="__main__")
        except SystemExit as ended:
            status, said = (ended.code, "") if isinstance(ended.code, int) else (1, ended.code or "")
            errors.write(said)
    print(json.dumps([status, errors.getvalue()]), flush=True)
"""


async def publish(files: list[str]) -> list[tuple[int, str]]:
    """Exit status and messages of each run; a run that ends with an exception ends them all."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", RUNNER, str(PROGRAM)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await asyncio.wait_for(process.communicate(json.dumps(files).encode()), timeout=200)
    ended = [json.loads(line) for line in output.splitlines()]
    assert len(ended) == len(files), f"{files[len(ended)]}: {errors.decode()}"
    return [(status, said) for status, said in ended]


async def test_readable_files_pass_the_check_and_damaged_ones_are_refused(tmp_path: Path) -> None:
    cases = [case for case in (*READABLE, *REJECTED) if case.texts != ()]
    names = {case.name: tmp_path / case.name for case in cases}
    for case in cases:
        await asyncio.to_thread(names[case.name].write_bytes, case.content)
    damaged = []
    for number, (name, content) in enumerate(damaged_files(DAMAGED, seed=4)):
        damaged.append(tmp_path / f"{number}-{name}")
        await asyncio.to_thread(damaged[-1].write_bytes, content)
    ended = await publish([str(path) for path in [*names.values(), *damaged]])
    for status, said in ended:
        assert status in (1, 2), said
        assert "Traceback" not in said
    for case, (_, said) in zip(cases, ended, strict=False):
        assert ("Kafka failed after 0" in said) is (case.texts is not None), f"{case.name}: {said}"
        if case.line is not None:
            assert f"ine {case.line}" in said, f"{case.name}: {said}"
