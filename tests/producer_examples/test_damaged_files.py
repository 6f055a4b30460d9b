"""publish_file.py checks files completely before it publishes, and rejects damaged ones without a traceback."""

import asyncio
import json
import sys
from pathlib import Path

from tests.file_cases import READABLE, REJECTED
from tests.text_files.damage import damaged_files

PROGRAM = Path(__file__).parent.parent.parent / "producer_examples" / "publish_file.py"
DAMAGED = 20
# Runs the program for each file in one process, without a Kafka, and prints the result of each run.
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
            status, message = (ended.code, "") if isinstance(ended.code, int) else (1, ended.code or "")
            errors.write(message)
    print(json.dumps([status, errors.getvalue()]), flush=True)
"""


async def publish(files: list[str]) -> list[tuple[int, str]]:
    """Return exit status and messages of each run; an exception ends all runs."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", RUNNER, str(PROGRAM)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await asyncio.wait_for(process.communicate(json.dumps(files).encode()), timeout=200)
    ended = [json.loads(line) for line in output.splitlines()]
    assert len(ended) == len(files), f"{files[len(ended)]}: {errors.decode()}"
    return [(status, message) for status, message in ended]


async def test_valid_files_pass_the_check_and_damaged_ones_are_rejected(tmp_path: Path) -> None:
    cases = [case for case in (*READABLE, *REJECTED) if case.texts != ()]
    names = {case.name: tmp_path / case.name for case in cases}
    for case in cases:
        await asyncio.to_thread(names[case.name].write_bytes, case.content)
    damaged = []
    for number, (name, content) in enumerate(damaged_files(DAMAGED, seed=4)):
        damaged.append(tmp_path / f"{number}-{name}")
        await asyncio.to_thread(damaged[-1].write_bytes, content)
    ended = await publish([str(path) for path in [*names.values(), *damaged]])
    for status, message in ended:
        assert status in (1, 2), message
        assert "Traceback" not in message
    for case, (_, message) in zip(cases, ended, strict=False):
        assert ("Kafka failed after 0" in message) is (case.texts is not None), f"{case.name}: {message}"
        if case.line is not None:
            assert f"ine {case.line}" in message, f"{case.name}: {message}"
