"""No other distribution or folder may use the names of Liuyan's packages."""

import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from liuyan import packages
from liuyan.packages import PACKAGES, PackagesError, check_location, check_owners


def test_no_installed_library_uses_liuyans_names() -> None:
    owners = packages_distributions()
    assert {name: owners[name] for name in PACKAGES if set(owners.get(name, ())) - {"liuyan"}} == {}
    check_owners()
    check_location()


def test_second_owner_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "packages_distributions", lambda: {"model": ["liuyan", "modelkit"]})
    with pytest.raises(PackagesError, match=r"modelkit has installed files into Liuyan's package `model`"):
        check_owners()


@pytest.mark.parametrize(("name", "module"), [("model", "model.py"), ("api", "api/__init__.py")])
def test_folder_that_hides_a_package_is_named(name: str, module: str, tmp_path: Path) -> None:
    (tmp_path / module).parent.mkdir(exist_ok=True)
    (tmp_path / module).write_text("")
    done = subprocess.run(
        [sys.executable, "-m", "liuyan", "--help"], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert line.startswith(f"liuyan: Python finds `{name}` at {tmp_path / module} instead of")


def test_folder_without_a_package_is_ignored(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "liuyan", "--help"], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0
    assert "consumer" in done.stdout
