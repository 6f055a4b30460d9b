"""The shipped kind of model: a GRU over words plus character n-grams."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy

from model.classifier import Kind, LoadOptions, Word
from model.kernel import load_kernel
from model.ngrams import NgramTable, spell_out_all
from model.normalise import Normaliser, character_table, normalise
from model.pieces import cut_pieces
from model.segment import replace_surrogates, segment
from model.vocabulary import NUMBER_TYPE, Vocabulary, word_numbers

if TYPE_CHECKING:  # model.artifact imports this module
    from model.artifact import Artifact


class GruInput(NamedTuple):
    """The word numbers of a text (``Vocabulary.look_up_all``), and the characters whose n-grams are looked up."""

    numbers: bytes
    characters: str

    @property
    def tokens(self) -> int:
        """The number of steps of the network."""
        return len(self.numbers) // NUMBER_TYPE.itemsize


class GruClassifier:
    """The inference network and the n-gram table of an artifact."""

    def __init__(self, artifact: "Artifact", options: LoadOptions = LoadOptions()) -> None:
        from model.inference import InferenceNetwork, compute_tables
        from model.tables import shared_tables

        self._table = character_table(artifact.simplified)
        self._normaliser = Normaliser(self._table)
        self._vocabulary = Vocabulary(artifact.words, artifact.configuration.maximum_tokens)
        shared = shared_tables(options.shared, artifact.sha256, lambda: compute_tables(artifact.weights))
        self._network = InferenceNetwork(artifact.weights, load_kernel(bfloat16=options.bfloat16), shared)
        self._ngrams = NgramTable(artifact.ngrams)

    def words(self, text: str) -> list[str]:
        """Normalise and segment; see ``Classifier.words``."""
        return segment(normalise(text, self._table))

    def prepare(self, texts: Sequence[str]) -> list[GruInput]:
        """Normalise, segment and look up."""
        normalised = replace_surrogates(self._normaliser.normalise(texts))
        numbers = self._vocabulary.look_up_all(map(segment, normalised))
        return list(map(GruInput, numbers, spell_out_all(normalised, self._vocabulary.maximum_tokens)))

    def logits(self, inputs: Sequence[GruInput]) -> list[float]:
        """Return the sums of network and n-gram logits."""
        network = self._network.logits_of(*word_numbers([one.numbers for one in inputs]))
        ngrams = self._ngrams.logits([one.characters for one in inputs])
        sums: list[float] = numpy.add(network, ngrams, dtype=numpy.float64).tolist()
        return sums

    def explain(self, text: str) -> tuple[float, list[Word]]:
        """Explain in at most five forward passes. The middle of a text that is too long is left out."""
        from model.explain import contributions

        pieces = cut_pieces(text, self._table, self._vocabulary)
        logit, fall = contributions(self._network, self._ngrams, pieces, self._vocabulary.maximum_tokens)
        words = [
            Word(text[slice(*piece.span)], *piece.span, value)
            for piece, value in zip(pieces, fall, strict=True)
            if piece.numbers
        ]
        return logit, words


def check(artifact: "Artifact") -> None:
    """Check that sizes, vocabulary and weights match. Raises ValueError or TypeError."""
    sizes = artifact.configuration.sizes
    unknown = sizes.keys() - {"embedding", "hidden"}
    if unknown:
        raise ValueError(f"sizes in configuration.json contains {', '.join(sorted(unknown))}, which no GRU has")
    embedding, hidden = sizes["embedding"], sizes["hidden"]
    expected: dict[str, tuple[int, ...]] = {
        "embedding.weight": (len(artifact.words), embedding),
        "output.weight": (1, 4 * hidden),
        "output.bias": (1,),
    }
    for suffix in ("l0", "l0_reverse"):
        expected[f"gru.weight_ih_{suffix}"] = (3 * hidden, embedding)
        expected[f"gru.weight_hh_{suffix}"] = (3 * hidden, hidden)
        expected[f"gru.bias_ih_{suffix}"] = expected[f"gru.bias_hh_{suffix}"] = (3 * hidden,)
    if expected != {name: tuple(weights.shape) for name, weights in artifact.weights.items()}:
        raise ValueError("weights.safetensors does not match the configuration and the vocabulary")


GRU = Kind(check, GruClassifier)
