"""Augmented texts of a corpus: none that is held out or bears a label, all of the train part by their digests."""

from collections.abc import Sequence

from model.progress import Report
from model.segment import segment
from model.training.data import UNLABELLED, digest, part_of
from model.training.options import Options
from model.vocabulary import choose_words
from research.augment import Pool, augment, find_neighbours, replaceable
from research.hints import OfWords
from research.teacher.corpus import Corpus, spell
from research.teacher.encoder_training import draw_weights

# How often a set labelled by stars, or without labels, is drawn against others, and by which power of its size.
RATED_SHARE = 0.6
POWER = 0.75
SEED = 1
# Texts made for one that is kept, at most: where there is little to make them of, the same ones come again and again.
TRIES = 20
# Texts that are segmented between two reports.
SPELLED = 10_000


def made_of(
    corpus: Corpus, number: int, options: Options, words: Sequence[str] | None, vectors: OfWords, report: Report
) -> dict[str, str]:
    """``number`` texts by digest, or fewer where no more come, made of the train part and of what has no label.

    ``words`` are the student's vocabulary if it has one already; ``vectors`` says which words are alike.
    """
    pool = _pool(corpus, report)
    vocabulary = replaceable(words or choose_words(pool.texts, options.words), pool.texts)
    neighbours = find_neighbours(vocabulary, vectors(vocabulary))
    made: dict[str, str] = {}
    for tried, text in enumerate(augment(pool, neighbours, SEED)):
        if len(made) >= number or tried >= TRIES * number:
            break
        key = digest(text)
        if text.strip() and part_of(key) == "train" and key not in corpus.known and key not in corpus.unlabelled:
            made.setdefault(key, text)
        if tried % 10_000 == 0:
            report("making augmented texts", len(made), number)
    return made


def _pool(corpus: Corpus, report: Report) -> Pool:
    train = corpus.parts["train"].values()
    texts = [*(one.text for one in train), *corpus.unlabelled.values()]
    sources = [*(one.source for one in train), *[UNLABELLED] * len(corpus.unlabelled)]
    rated = [*(one.rated for one in train), *[True] * len(corpus.unlabelled)]
    segmented: list[list[str]] = []
    for start in range(0, len(texts), SPELLED):
        segmented += map(segment, spell(texts[start : start + SPELLED]))
        report("segmenting", len(segmented), len(texts))
    return Pool(segmented, sources, draw_weights(sources, rated, RATED_SHARE, POWER))
