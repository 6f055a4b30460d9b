"""Check that no other distribution or folder uses the names of Liuyan's top-level packages.

Names such as ``model`` and ``api`` are common. pip silently overwrites the files of one package with those of another,
and a folder on ``sys.path`` can hide an installed package.
"""

from importlib.metadata import packages_distributions
from importlib.util import find_spec
from pathlib import Path

import liuyan
from liuyan.errors import LiuyanError

PACKAGES = ("liuyan", "consumer", "store", "api", "model", "registry", "migrations", "local_stack")


class PackagesError(LiuyanError):
    """Another package uses the name of a Liuyan package."""


def check_location() -> None:
    """Raise PackagesError unless all packages would be imported from the folder that contains ``liuyan``."""
    home = Path(liuyan.__file__).resolve().parent.parent
    for name in PACKAGES:
        spec = find_spec(name)
        if spec is None or spec.origin is None:
            raise PackagesError(f"Package `{name}` is missing next to `liuyan` in {home}. Reinstall Liuyan.")
        if Path(spec.origin).resolve() != home / name / "__init__.py":
            raise PackagesError(
                f"Python finds `{name}` at {spec.origin} instead of Liuyan's package in {home}. Run `liuyan` from "
                "another folder, remove that one from PYTHONPATH, or uninstall the package that installed it."
            )


def check_owners() -> None:
    """Raise PackagesError if another distribution has installed files into a Liuyan package."""
    owners = packages_distributions()
    for name in PACKAGES:
        others = sorted(set(owners.get(name, ())) - {"liuyan"})
        if others:
            raise PackagesError(
                f"{' and '.join(others)} has installed files into Liuyan's package `{name}`. Uninstall it and "
                "reinstall Liuyan in a separate environment."
            )
