"""The wheel contains everything that the program needs, and runs outside the checkout."""

import csv
import io
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from liuyan.packages import PACKAGES

pytestmark = pytest.mark.programs

ROOT = Path(__file__).parent.parent
CARRIED = [
    "migrations/env.py",
    "local_stack/pom.xml",
    "local_stack/guard.py",
    "api/admin/templates/home.html",
    "api/admin/static/liuyan.css",
    "api/translations/zh/pages.po",
]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from this checkout, without network access."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    (built,) = folder.glob("liuyan-*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of an environment with the wheel."""
    return environment_with(wheel, tmp_path_factory.mktemp("installed"))


def environment_with(wheel: Path, folder: Path) -> Path:
    """Create an environment with the wheel and the libraries of this environment, but without the checkout.

    A .pth file adds this environment's libraries. Python does not read their own .pth file, which adds the checkout.
    """
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True, timeout=60)
    packages = next(folder.glob("lib/python*/site-packages"))
    (packages / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    uv, python = Path(sys.executable).with_name("uv"), folder / "bin" / "python"
    install = f"{uv} pip install --quiet --offline --no-deps --python {python} {wheel}"
    subprocess.run(install.split(), check=True, timeout=60)
    return folder


def run(installed: Path, *arguments: str, typed: str = "", **settings: str) -> str:
    """Run the installed ``liuyan`` in its folder and return its output."""
    done = subprocess.run(
        [installed / "bin" / "liuyan", *arguments],
        input=typed,
        capture_output=True,
        text=True,
        cwd=installed,
        env={"PATH": "/usr/bin:/bin", "HOME": str(installed), **settings},
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_wheel_contains_only_what_the_program_needs(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert [name for name in CARRIED if name not in names] == []
    assert any(name.startswith("migrations/versions/") and name.endswith(".py") for name in names)
    artifact = {name.rpartition("/")[2] for name in names if name.startswith("model/artifact/")}
    assert artifact == {path.name for path in (ROOT / "model" / "artifact").iterdir()}
    assert any(name.endswith(".safetensors") for name in artifact)
    assert {name.partition("/")[0] for name in names if not name.startswith("liuyan-")} == set(PACKAGES)
    assert [name for name in names if "__pycache__" in name or "/test" in name or "heldout" in name] == []
    assert sum(entry.file_size for entry in zipfile.ZipFile(wheel).infolist()) < 20_000_000


def test_wheel_with_compiled_code_is_for_this_platform(wheel: Path) -> None:
    platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
    assert wheel.name.endswith(f"-py3-none-{platform}.whl")
    assert "model/native/gru.so" in zipfile.ZipFile(wheel).namelist()


def test_without_a_compiler_the_wheel_labels_with_numpy(tmp_path: Path) -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in tracked.splitlines():
        if name.partition("/")[0] in {*PACKAGES, "pyproject.toml", "hatch_build.py", "README.md", "LICENSE"}:
            (tmp_path / "checkout" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, tmp_path / "checkout" / name)
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), "checkout"]
    environment = {**os.environ, "CC": "no-such-compiler"}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=True
    )
    assert "There is no C compiler: labelling will be slow." in " ".join((done.stdout + done.stderr).split())
    (built,) = tmp_path.glob("*.whl")
    assert built.name.endswith("-py3-none-any.whl")
    output = run(environment_with(built, tmp_path / "environment"), "model", "predict", "-", typed="质量很好\n")
    assert output.startswith("label,probability\npositive,")


def test_wheel_does_not_contain_installers_of_host_packages(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    names = {name for name in archive.namelist() if name.startswith("local_stack/")}
    assert "local_stack/kafka.py" in names
    assert names.isdisjoint(f"local_stack/{name}.py" for name in ("__main__", "chromium", "host", "mariadb"))
    for name in names:
        assert b"DEBIAN_FRONTEND" not in archive.read(name)


def test_installed_program_is_not_the_checkout(installed: Path) -> None:
    command = [str(installed / "bin" / "python"), "-c", "import liuyan.cli; print(liuyan.cli.__file__)"]
    output = subprocess.run(command, capture_output=True, text=True, cwd=installed, check=True, timeout=30).stdout
    assert Path(output.strip()).is_relative_to(installed)
    assert "consumer" in run(installed, "--help")


def test_installed_program_migrates(installed: Path) -> None:
    database = {"LIUYAN_DATABASE_URL": f"sqlite+aiosqlite:///{installed / 'liuyan.db'}"}
    run(installed, "store", "migrate", **database)
    assert (installed / "liuyan.db").stat().st_size > 0


def test_installed_program_labels(installed: Path) -> None:
    output = run(installed, "model", "predict", "-", typed="质量很好，非常满意\n太差了，再也不买了\n")
    rows = list(csv.DictReader(io.StringIO(output)))
    assert [row["label"] for row in rows] == ["positive", "negative"]
    assert float(rows[0]["probability"]) > 0.5 > float(rows[1]["probability"])


def test_wheel_that_overwrites_liuyan_is_named(wheel: Path, tmp_path: Path) -> None:
    folder = environment_with(wheel, tmp_path / "environment")
    project = tmp_path / "other"
    (project / "model").mkdir(parents=True)
    (project / "model" / "__init__.py").write_text("")
    (project / "model" / "commands.py").write_text("")
    (project / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
        '[project]\nname = "modelkit"\nversion = "1"\n'
        '[tool.hatch.build.targets.wheel]\npackages = ["model"]\n'
    )
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(project)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    (other,) = tmp_path.glob("modelkit-*.whl")
    uv = Path(sys.executable).with_name("uv")
    install = f"{uv} pip install --quiet --offline --no-deps --python {folder / 'bin' / 'python'} {other}"
    subprocess.run(install.split(), check=True, timeout=60)
    done = subprocess.run([folder / "bin" / "liuyan", "--help"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr.startswith("liuyan: modelkit has installed files into Liuyan's package `model`")
