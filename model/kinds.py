"""The types of models that can be served: an artifact's configuration names one of them as its ``kind``.

To add a type, implement ``Classifier`` in a module of its own, as ``model.gru`` does, and add a line here.
"""

from model.classifier import Kind
from model.gru import GRU

KINDS = {"gru": GRU}


def find_kind(name: str) -> Kind:
    """The kind called ``name``. Raises ValueError when there is none."""
    if name not in KINDS:
        raise ValueError(f"its kind is {name!r}, and this Liuyan knows {', '.join(KINDS)}")
    return KINDS[name]
