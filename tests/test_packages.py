"""Every package has a docstring of three sentences, and shipped packages do not import others."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from liuyan.packages import PACKAGES as SHIPPED

# Packages that the wheel does not contain.
UNSHIPPED = ("producer_examples", "research", "benchmarks", "dashboards", "tests")
ROOT = Path(__file__).parent.parent
PACKAGES = sorted({path.parent for part in (*SHIPPED, *UNSHIPPED) for path in (ROOT / part).rglob("*.py")})


@pytest.mark.parametrize("folder", PACKAGES, ids=lambda folder: str(folder.relative_to(ROOT)))
def test_package_docstring_has_three_sentences(folder: Path) -> None:
    (body,) = ast.parse((folder / "__init__.py").read_text()).body
    assert isinstance(body, ast.Expr)
    assert isinstance(body.value, ast.Constant)
    sentences = re.findall(r"\S.*?[.!?](?=\s|$)", str(body.value.value), flags=re.DOTALL)
    assert len(sentences) == 3
    assert str(body.value.value).rstrip().endswith(sentences[-1][-1])


def _imported(path: Path) -> set[str]:
    """Return the top-level names that a module imports anywhere."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names.add(str(node.module).partition(".")[0])
    return names


@pytest.mark.parametrize("package", SHIPPED)
def test_shipped_packages_import_only_shipped_ones(package: str) -> None:
    paths = list((ROOT / package).rglob("*.py"))
    assert paths
    assert {str(path): found for path in paths if (found := _imported(path) & set(UNSHIPPED))} == {}


@pytest.mark.programs
def test_serving_imports_no_training() -> None:
    """`predict`, the consumer and the API do not need `model.training`, whose libraries are optional."""
    script = "import sys, model.labeller, model.gru, model.inference, model.explain, consumer.run, api.serve; "
    script += "sys.exit(any(name.startswith('model.training') for name in sys.modules))"
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, timeout=60, check=True)
