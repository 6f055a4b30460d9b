"""What a training is told."""

from dataclasses import dataclass, replace

from model.artifact import Artifact


@dataclass(frozen=True, slots=True)
class Options:
    """What a training is told; with the data it decides the artifact.

    ``rated_weight`` is what a comment labelled by its stars counts against one labelled by a person, ``reviews_weight``
    what a reviewed one does; ``uncertain_share`` is that of the uncertain band; ``teachers`` are the models (SHA-256)
    whose answers make ``teachers_share`` of the targets. ``start`` is the artifact (SHA-256; several joined by + for
    their mean) whose weights and words it begins with, ``hints`` what the guess of an encoder's vector counts beside
    the logit; ``encoder_words`` says that words begin with the encoder's vectors, ``composed`` that a word's vector is
    composed of its characters' too. ``ngrams`` is how many n-grams of characters stand beside the network at most.
    ``sample`` bounds the comments to train on, 0 takes all. Training reads the head and the tail of
    ``longest_trained`` words, serving of ``maximum_tokens``.
    """

    name: str = "liuyan-gru"
    seed: int = 1
    epochs: int = 6
    patience: int = 2
    words: int = 40_000
    embedding: int = 128
    hidden: int = 128
    dropout: float = 0.4
    batch: int = 128
    rate: float = 2e-3
    averaging: float = 0.999
    smoothing: float = 0.02
    composed: bool = True
    rated_weight: float = 0.5
    reviews_weight: float = 10.0
    negations: float = 0.0
    sample: int = 0
    maximum_tokens: int = 400
    longest_trained: int = 128
    uncertain_share: float = 0.22
    start: str = ""
    teachers: tuple[str, ...] = ()
    teachers_share: float = 0.7
    hints: float = 0.0
    encoder_words: bool = False
    ngrams: int = 900_000


def with_initial_model(options: Options, start: Artifact) -> Options:
    """``options`` of a training that begins with ``start``, with its words and in its widths."""
    sizes = start.configuration.sizes
    return replace(
        options, start=start.sha256, words=len(start.words), embedding=sizes["embedding"], hidden=sizes["hidden"]
    )
