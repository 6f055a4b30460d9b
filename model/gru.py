"""The type of model that is shipped: a GRU over words, with n-grams of characters beside it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from model.classifier import Kind, Word
from model.ngrams import NgramTable, spell_out
from model.normalise import character_table, normalise
from model.pieces import cut_pieces
from model.segment import segment
from model.vocabulary import Vocabulary

if TYPE_CHECKING:  # artifacts are read with the help of their kind
    from model.artifact import Artifact


class GruInput(NamedTuple):
    """A text's word numbers, and the characters whose n-grams are looked up."""

    numbers: tuple[int, ...]
    characters: str

    @property
    def tokens(self) -> int:
        """Steps that the network takes."""
        return len(self.numbers)


class GruClassifier:
    """The GRU with its embedding folded into the input projection, and the table of n-grams."""

    def __init__(self, artifact: "Artifact") -> None:
        from model.inference import InferenceNetwork

        self._table = character_table(artifact.simplified)
        self._vocabulary = Vocabulary(artifact.words, artifact.configuration.maximum_tokens)
        self._network = InferenceNetwork(artifact.weights)
        self._ngrams = NgramTable(artifact.ngrams)

    def words(self, text: str) -> list[str]:
        """As ``Classifier`` says."""
        return segment(normalise(text, self._table))

    def prepare(self, text: str) -> GruInput:
        """Normalise, segment and look up."""
        words = self.words(text)
        return GruInput(self._vocabulary.look_up(words), spell_out(words, self._vocabulary.maximum_tokens))

    def logits(self, inputs: Sequence[GruInput]) -> list[float]:
        """The network's logits plus those of the n-grams."""
        network = self._network.logits([one.numbers for one in inputs]).tolist()
        ngrams = self._ngrams.logits([one.characters for one in inputs]).tolist()
        return [sum(both) for both in zip(network, ngrams, strict=True)]

    def explain(self, text: str) -> tuple[float, list[Word]]:
        """In five forward passes at most. Of a text that is too long the middle is left out."""
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
    """Raises ValueError or TypeError when the configuration's sizes, the vocabulary and the weights do not match."""
    from model.network import Network, Shape

    network = Network(Shape(len(artifact.words), **artifact.configuration.sizes))
    wanted = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    if wanted != {name: tuple(tensor.shape) for name, tensor in artifact.weights.items()}:
        raise ValueError("weights.safetensors does not fit the configuration and the vocabulary")


GRU = Kind(check, GruClassifier)
