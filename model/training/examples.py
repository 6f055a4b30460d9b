"""Convert comments to word numbers, targets and weights, in parts and batches."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from sys import intern

import numpy
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from liuyan.errors import UsageError
from liuyan.progress import Report
from model.evaluate import Truth
from model.ngrams import Ngrams, NgramTable, spell_out
from model.normalise import character_table, normalise
from model.segment import segment
from model.training.data import WITHOUT_SENTIMENT, Comment, Part
from model.training.options import Options
from model.vocabulary import Vocabulary, choose_words


@dataclass(frozen=True, slots=True)
class Examples:
    """The comments of one part: key, word numbers, characters (for n-grams), target, weight, label and source.

    ``ngram_logits`` are added to the network's logits in training. They are those of the n-grams, which the network has
    to outweigh, for texts that n-grams are not trained on, and 0 for all others.
    """

    keys: Sequence[str]
    texts: list[tuple[int, ...]]
    characters: list[str]
    targets: Tensor
    weights: Tensor
    positive: Truth
    sources: list[str]
    ngram_logits: Tensor

    @property
    def labelled(self) -> "Examples":
        """The comments that have a label."""
        return self._select([row for row, one in enumerate(self.sources) if one not in WITHOUT_SENTIMENT])

    @property
    def neutral(self) -> "Examples":
        """The texts without sentiment."""
        return self._select([row for row, one in enumerate(self.sources) if one in WITHOUT_SENTIMENT])

    def _select(self, rows: list[int]) -> "Examples":
        if len(rows) == len(self.texts):
            return self
        return Examples(
            keys=[self.keys[row] for row in rows],
            texts=[self.texts[row] for row in rows],
            characters=[self.characters[row] for row in rows],
            targets=self.targets[rows],
            weights=self.weights[rows],
            positive=self.positive[rows],
            sources=[self.sources[row] for row in rows],
            ngram_logits=self.ngram_logits[rows],
        )

    def with_ngram_logits(self, ngrams: Ngrams) -> "Examples":
        """Return the comments with the logits of ``ngrams`` for texts without sentiment."""
        rows = [row for row, one in enumerate(self.sources) if one in WITHOUT_SENTIMENT]
        logits = torch.zeros(len(self.texts))
        logits[rows] = torch.from_numpy(NgramTable(ngrams).logits([self.characters[row] for row in rows]))
        return replace(self, ngram_logits=logits)


def prepare(
    comments: Mapping[str, Comment],
    options: Options,
    simplified: Mapping[str, str],
    part: Callable[[str], Part],
    words: Sequence[str] | None,
    progress: Report,
) -> tuple[dict[Part, Examples], Sequence[str]]:
    """Segment all comments (by key) and look up their words. Return the parts and the vocabulary.

    Without ``words``, the vocabulary is chosen from the train part. ``part`` assigns a key to a part. Raises UsageError
    when there are too few comments.
    """
    table = character_table(simplified)
    keys: dict[Part, list[str]] = {"train": [], "validation": [], "test": []}
    for key in sorted(comments):
        keys[part(key)].append(key)
    if options.sample:
        # Digests are random, so the first ones are a sample of all data sets.
        keys["train"] = keys["train"][: options.sample]
    if not all(keys.values()):
        raise UsageError(f"{len(comments)} comments are too few to train, validate and test on. Add more data.")
    segmented: dict[str, list[str]] = {}
    total = sum(map(len, keys.values()))
    for key in (key for part_keys in keys.values() for key in part_keys):
        # Interned words are in memory once; millions of augmented texts would not fit otherwise.
        segmented[key] = [intern(word) for word in segment(normalise(comments[key].text, table))]
        if len(segmented) % 2_000 == 0 or len(segmented) == total:
            progress("segmenting", len(segmented), total)
    known = words or choose_words((segmented[key] for key in keys["train"]), options.words)
    longest = {"train": options.longest_trained, "validation": options.maximum_tokens, "test": options.maximum_tokens}
    parts = {
        name: _examples(keys[name], comments, segmented, Vocabulary(known, longest[name]), options) for name in keys
    }
    return parts, known


def _examples(
    keys: Sequence[str],
    comments: Mapping[str, Comment],
    segmented: Mapping[str, list[str]],
    vocabulary: Vocabulary,
    options: Options,
) -> Examples:
    chosen = [comments[key] for key in keys]
    return Examples(
        keys=keys,
        texts=[vocabulary.look_up(segmented[key]) for key in keys],
        characters=[spell_out(segmented[key], options.maximum_tokens) for key in keys],
        targets=torch.tensor([one.target for one in chosen]),
        weights=torch.tensor([one.weight * (options.rated_weight if one.rated else 1.0) for one in chosen]),
        positive=numpy.array([one.positive for one in chosen]),
        sources=[one.source for one in chosen],
        ngram_logits=torch.zeros(len(chosen)),
    )


def batches(examples: Examples, size: int, seed: int) -> Iterator[list[int]]:
    """Yield batches of rows in random order by ``seed``. The texts of a batch have equal lengths."""
    generator = torch.Generator().manual_seed(seed)
    by_length: dict[int, list[int]] = {}
    for row in torch.randperm(len(examples.texts), generator=generator).tolist():
        by_length.setdefault(len(examples.texts[row]), []).append(row)
    cut = [rows[start : start + size] for rows in by_length.values() for start in range(0, len(rows), size)]
    for place in torch.randperm(len(cut), generator=generator).tolist():
        yield cut[place]


def weighted_loss(logits: Tensor, examples: Examples, rows: Iterable[int], smoothing: float = 0.0) -> Tensor:
    """Return the weighted mean cross-entropy of ``logits`` (rows) for the comments in ``rows``."""
    places = torch.tensor(list(rows))
    weights = examples.weights[places].to(logits.device)
    targets = examples.targets[places].to(logits.device) * (1 - 2 * smoothing) + smoothing
    losses = binary_cross_entropy_with_logits(logits, targets, reduction="none")
    return (losses * weights).sum() / weights.sum()
