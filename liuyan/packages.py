"""Liuyan's top-level packages, and the check that nothing else on the machine uses their names.

Names such as ``model`` and ``api`` are common. pip overwrites the files of one package with those of another without a
word, and a folder on ``sys.path`` can hide an installed package.
"""

from importlib.metadata import packages_distributions
from importlib.util import find_spec
from pathlib import Path

import liuyan
from liuyan.errors import LiuyanError

PACKAGES = ("liuyan", "consumer", "store", "api", "model", "migrations", "local_stack")


class PackagesError(LiuyanError):
    """One of our top-level names belongs to another package."""


def check_location() -> None:
    """Raises PackagesError unless every package of ours would be imported from the folder that holds ``liuyan``."""
    home = Path(liuyan.__file__).resolve().parent.parent
    for name in PACKAGES:
        spec = find_spec(name)
        if spec is None or spec.origin is None:
            raise PackagesError(f"The package `{name}` is missing next to `liuyan` in {home}: install Liuyan again.")
        if Path(spec.origin).resolve() != home / name / "__init__.py":
            raise PackagesError(
                f"Python finds `{name}` at {spec.origin} instead of Liuyan's own in {home}: run `liuyan` from another "
                "folder, take that one off PYTHONPATH, or uninstall the package that brought it."
            )


def check_owners() -> None:
    """Raises PackagesError when another distribution has installed files under one of our names."""
    owners = packages_distributions()
    for name in PACKAGES:
        others = sorted(set(owners.get(name, ())) - {"liuyan"})
        if others:
            raise PackagesError(
                f"{' and '.join(others)} has installed files into Liuyan's package `{name}`: uninstall it and install "
                "Liuyan again, in an environment of its own."
            )
