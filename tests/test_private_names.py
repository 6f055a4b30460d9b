"""No library is used by a name that it keeps to itself: such a name changes without notice."""

import ast
import importlib
import inspect
import re
from collections.abc import Iterator, Set
from json import JSONEncoder
from pathlib import Path
from threading import Thread
from types import ModuleType

import pytest

from liuyan.packages import PACKAGES as SHIPPED

ROOT = Path(__file__).parent.parent
OURS = (*SHIPPED, "producer_examples", "research", "benchmarks", "dashboards", "tests")
FILES = sorted(file for package in OURS for file in (ROOT / package).rglob("*.py"))
PRIVATE = re.compile(r"_(?!_).*(?<!_)|__.*(?<!__)")
# Names with an underscore that their libraries document for everybody: a named tuple and SQLAlchemy's row keep their
# other names free for fields, and Kafka's client names its own errors so.
DOCUMENTED = frozenset(
    {
        "_asdict",
        "_fields",
        "_make",
        "_replace",
        "_mapping",
        "_TRANSPORT",
        "_TIMED_OUT",
        "_ALL_BROKERS_DOWN",
        "_AUTHENTICATION",
    }
)
# docs/decisions/inference-network.md says why, and what happens where they are missing.
DECIDED = {"model/inference.py": frozenset({"_linear_pointwise", "_reorder_linear_weight"})}


def is_private(name: str) -> bool:
    """Whether a name begins with an underscore, and is none of Python's own like ``__init__`` or ``_missing_``."""
    return PRIVATE.fullmatch(name) is not None


def defined(tree: ast.AST) -> Iterator[str]:
    """Names that a module gives to its own functions, classes, variables and attributes."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and _root(node) in ("self", "cls"):
            yield node.attr


def private_uses(tree: ast.AST, own: Set[str], allowed: Set[str] = frozenset()) -> Iterator[str]:
    """What a module uses of others by a private name that is not ``allowed``.

    An attribute whose name is in ``own`` is taken for ours, unless it is looked up in something imported.
    """
    foreign = set(_foreign(tree))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names if _is_foreign_and_private(one.name))
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield from (name for one in node.names if _is_foreign_and_private(name := f"{node.module}.{one.name}"))
        elif isinstance(node, ast.Attribute) and is_private(node.attr) and node.attr not in allowed:
            if node.attr not in own or _root(node) in foreign:
                yield ast.unparse(node)
        elif isinstance(node, ast.Call) and is_private(name := _named_in_text(node)) and name not in own | allowed:
            yield ast.unparse(node)


def _is_foreign_and_private(name: str) -> bool:
    top, *rest = name.split(".")
    return top not in OURS and any(is_private(part) for part in (top, *rest))


def _foreign(tree: ast.AST) -> Iterator[str]:
    """The names under which a module has imported what is not ours."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((one.asname or one.name).partition(".")[0] for one in node.names if not _is_ours(one.name))
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module and not _is_ours(node.module):
            yield from (one.asname or one.name for one in node.names)


def _is_ours(module: str) -> bool:
    return module.partition(".")[0] in OURS


def _root(node: ast.expr) -> str | None:
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


def _named_in_text(call: ast.Call) -> str:
    """The attribute that ``getattr(thing, "name")`` and the like ask for; "" for other calls."""
    function = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if function not in ("getattr", "hasattr", "setattr", "delattr"):
        return ""
    texts = [one.value for one in call.args[:2] if isinstance(one, ast.Constant) and isinstance(one.value, str)]
    return texts[-1].rpartition(".")[2] if texts else ""


def test_no_private_name_of_a_library_is_used() -> None:
    trees = {str(file.relative_to(ROOT)): ast.parse(file.read_text(encoding="utf-8")) for file in FILES}
    assert len(trees) > 300
    own = {name for tree in trees.values() for name in defined(tree)}
    found = [
        f"{path}: {use}"
        for path, tree in trees.items()
        for use in private_uses(tree, own, DOCUMENTED | DECIDED.get(path, frozenset()))
    ]
    assert found == []


@pytest.mark.parametrize(
    ("code", "uses"),
    [
        ("import numpy._core", ["numpy._core"]),
        ("from numpy import _core, array", ["numpy._core"]),
        ("from numpy._core import add", ["numpy._core.add"]),
        ("import numpy as np\nnp.linalg._umath_linalg", ["np.linalg._umath_linalg"]),
        ("import numpy as np\nnp._ours", ["np._ours"]),
        ("self._theirs", ["self._theirs"]),
        ("import numpy as np\ngetattr(np, '_core')", ["getattr(np, '_core')"]),
        ("patch.setattr('numpy._core', None)", ["patch.setattr('numpy._core', None)"]),
        ("from store._rows import _row\n_row.__name__\nself._ours\nother._ours\nsetattr(other, '_ours', 1)", []),
    ],
)
def test_a_private_name_is_found_wherever_it_is_used(code: str, uses: list[str]) -> None:
    assert list(private_uses(ast.parse(code), {"_ours"})) == uses


def modules() -> Iterator[ModuleType]:
    """Every module that is shipped, except those that run when they are imported."""
    for package in SHIPPED:
        for file in sorted((ROOT / package).rglob("*.py")):
            name = ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
            if not name.endswith(("__main__", "migrations.env")) and ".versions." not in name:
                yield importlib.import_module(name)


def overridden(kind: type) -> Iterator[str]:
    """Private names of a library's classes that a class of ours replaces."""
    for base in kind.__mro__[1:]:
        if not _is_ours(base.__module__):
            for name in sorted(vars(kind).keys() & vars(base)):
                # What a metaclass or a decorator of the library has put there is its own.
                if is_private(name) and getattr(vars(kind)[name], "__module__", None) == kind.__module__:
                    yield f"{base.__qualname__}.{name}"


def test_no_class_of_ours_overrides_a_private_method_of_a_library() -> None:
    kinds = {
        kind
        for module in modules()
        for _, kind in inspect.getmembers(module, inspect.isclass)
        if kind.__module__ == module.__name__
    }
    assert len(kinds) > 150
    assert {kind.__qualname__: names for kind in kinds if (names := list(overridden(kind)))} == {}


def test_an_overridden_private_method_is_found() -> None:
    class Ours(JSONEncoder):
        def _own(self) -> None:
            """The library has none of this name."""

    class Theirs(Thread):
        def _bootstrap(self) -> None:
            """The library calls this one."""

    assert list(overridden(Ours)) == []
    assert list(overridden(Theirs)) == ["Thread._bootstrap"]
