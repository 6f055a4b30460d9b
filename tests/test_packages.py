"""Every folder of code says in three sentences what happens in it, and its __init__.py does nothing else."""

import ast
import re
from pathlib import Path

import pytest

from liuyan.packages import PACKAGES as SHIPPED

ROOT = Path(__file__).parent.parent
PACKAGES = sorted(
    {
        path.parent
        for part in (*SHIPPED, "producer_examples", "research", "benchmarks", "tests")
        for path in (ROOT / part).rglob("*.py")
    }
)


@pytest.mark.parametrize("folder", PACKAGES, ids=lambda folder: str(folder.relative_to(ROOT)))
def test_folder_says_in_three_sentences_what_happens_there(folder: Path) -> None:
    (body,) = ast.parse((folder / "__init__.py").read_text()).body
    assert isinstance(body, ast.Expr)
    assert isinstance(body.value, ast.Constant)
    sentences = re.findall(r"\S.*?[.!?](?=\s|$)", str(body.value.value), flags=re.DOTALL)
    assert len(sentences) == 3
    assert str(body.value.value).rstrip().endswith(sentences[-1][-1])
