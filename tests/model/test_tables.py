"""Tables are mapped from a file that processes share; a damaged or unwritable file costs time only."""

import errno
import os
import stat
import time
from pathlib import Path

import numpy
import pytest
import structlog

from model.kernel import Floats
from model.tables import KEPT_FILES, KEPT_SECONDS, LEFT_OVER_SECONDS, VERSION, shared_tables

TABLES = numpy.arange(24, dtype=numpy.float32).reshape(2, 3, 4)


class Computed:
    """Counts how often the tables are computed."""

    times = 0

    def __call__(self) -> Floats:
        self.times += 1
        return TABLES


def test_tables_are_computed_once_and_mapped(tmp_path: Path) -> None:
    compute = Computed()
    for _ in range(3):
        tables = shared_tables(tmp_path / "tables", "a" * 64, compute)
        assert isinstance(tables, numpy.memmap)
        assert tables.tolist() == TABLES.tolist()
    assert compute.times == 1
    assert {file.suffix for file in (tmp_path / "tables").iterdir()} == {".npy", ".sha256"}
    shared_tables(tmp_path / "tables", "b" * 64, compute)
    assert compute.times == 2


@pytest.mark.parametrize("content", [b"", b"short", None])
def test_a_damaged_file_is_replaced(tmp_path: Path, content: bytes | None) -> None:
    compute = Computed()
    shared_tables(tmp_path, "a" * 64, compute)
    [file] = tmp_path.glob("*.npy")
    before = file.read_bytes()
    if content is None:
        file.write_bytes(before[:-1] + b"\x01")
    else:
        file.write_bytes(content)
    assert shared_tables(tmp_path, "a" * 64, compute).tolist() == TABLES.tolist()
    assert compute.times == 2
    assert file.read_bytes() == before


def test_without_a_usable_folder_each_process_has_its_own(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (None, tmp_path / "file" / "tables"):
        tables = shared_tables(folder, "a" * 64, Computed())
        assert not isinstance(tables, numpy.memmap)
        assert tables.tolist() == TABLES.tolist()


def test_files_that_nobody_loads_are_removed(tmp_path: Path) -> None:
    shared_tables(tmp_path, "a" * 64, Computed())
    [file] = tmp_path.glob("*.npy")
    unused = time.time() - KEPT_SECONDS - 60
    os.utime(file, (unused, unused))
    for name, seconds in (("part-old", LEFT_OVER_SECONDS + 60), ("part-new", 60)):
        (tmp_path / name).write_text("")
        os.utime(tmp_path / name, (time.time() - seconds,) * 2)
    shared_tables(tmp_path, "b" * 64, Computed())
    assert sorted(one.name[0] for one in tmp_path.iterdir()) == ["b", "b", "p"]
    assert [stat.S_IMODE(file.stat().st_mode) for file in tmp_path.glob("b*")] == [0o644, 0o644]


def test_only_the_last_files_are_kept(tmp_path: Path) -> None:
    for number in range(KEPT_FILES + 2):
        shared_tables(tmp_path, f"{number}", Computed())
        loaded = time.time() - 3600 + number
        os.utime(tmp_path / f"{number}-{VERSION}.npy", (loaded, loaded))
    shared_tables(tmp_path, "new", Computed())
    kept = {file.name.partition("-")[0] for file in tmp_path.iterdir()}
    assert kept == {"new", *map(str, range(3, KEPT_FILES + 2))}
    assert len(list(tmp_path.iterdir())) == 2 * KEPT_FILES


def test_tables_are_computed_once_if_the_disk_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(numpy, "save", full)
    compute = Computed()
    with structlog.testing.capture_logs() as logs:
        assert shared_tables(tmp_path, "a" * 64, compute) is TABLES
    assert compute.times == 1
    assert [entry["log_level"] for entry in logs] == ["warning"]
    assert list(tmp_path.iterdir()) == []
