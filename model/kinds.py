"""The registry of kinds of models. An artifact's configuration names its ``kind``.

To add a kind, implement ``Classifier`` in a new module, as ``model.gru`` does, and add a line here.
"""

from model.classifier import Kind
from model.gru import GRU

KINDS = {"gru": GRU}


def find_kind(name: str) -> Kind:
    """Return the kind called ``name``. Raises ValueError when it is unknown."""
    if name not in KINDS:
        raise ValueError(f"unknown kind {name!r} (known: {', '.join(KINDS)})")
    return KINDS[name]
