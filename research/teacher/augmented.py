"""Generate augmented texts from a corpus, without held-out and labelled texts, all in the train part."""

from collections.abc import Sequence

from liuyan.progress import Report
from model.segment import segment
from model.training.data import UNLABELLED, digest, part_of
from model.training.options import Options
from model.vocabulary import choose_words
from research.augment import Pool, augment, find_neighbours, replaceable
from research.hints import OfWords
from research.teacher.corpus import Corpus, spell
from research.teacher.encoder_training import draw_weights

# Relative sampling weight of rated and unlabelled data sets, and the power of a data set's size to sample it by.
RATED_SHARE = 0.6
POWER = 0.75
SEED = 1
# Maximum number of attempts per text: a small corpus produces the same texts again and again.
TRIES = 20
# Texts to segment between two progress reports.
SEGMENTED = 10_000


def augment_corpus(
    corpus: Corpus, number: int, options: Options, words: Sequence[str] | None, vectors: OfWords, report: Report
) -> dict[str, str]:
    """Generate up to ``number`` texts, by digest, from the train part and the unlabelled texts.

    ``words`` is the student's vocabulary if it has one. ``vectors`` determines which words are similar.
    """
    pool = _pool(corpus, report)
    vocabulary = replaceable(words or choose_words(pool.texts, options.words), pool.texts)
    neighbours = find_neighbours(vocabulary, vectors(vocabulary))
    generated: dict[str, str] = {}
    for tried, text in enumerate(augment(pool, neighbours, SEED)):
        if len(generated) >= number or tried >= TRIES * number:
            break
        key = digest(text)
        if text.strip() and part_of(key) == "train" and key not in corpus.known and key not in corpus.unlabelled:
            generated.setdefault(key, text)
        if tried % 10_000 == 0:
            report("generating augmented texts", len(generated), number)
    return generated


def _pool(corpus: Corpus, report: Report) -> Pool:
    train = corpus.parts["train"].values()
    texts = [*(one.text for one in train), *corpus.unlabelled.values()]
    sources = [*(one.source for one in train), *[UNLABELLED] * len(corpus.unlabelled)]
    rated = [*(one.rated for one in train), *[True] * len(corpus.unlabelled)]
    segmented: list[list[str]] = []
    for start in range(0, len(texts), SEGMENTED):
        segmented += map(segment, spell(texts[start : start + SEGMENTED]))
        report("segmenting", len(segmented), len(texts))
    return Pool(segmented, sources, draw_weights(sources, rated, RATED_SHARE, POWER))
