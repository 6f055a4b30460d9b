"""Options of a training."""

from dataclasses import dataclass, replace

from model.artifact import Artifact


@dataclass(frozen=True, slots=True)
class Options:
    """Options of a training. Together with the data they determine the artifact.

    ``rated_weight`` and ``reviews_weight`` are weights of rated and reviewed comments; comments labelled by people have
    1. ``uncertain_share`` is the share of comments in the uncertain band. ``teachers`` are models (SHA-256) whose
    probabilities make up ``teachers_share`` of the targets. ``start`` is the artifact (SHA-256; joined by + for the
    mean of several) whose words and weights training starts from. ``hints`` is the weight of the hint loss.
    ``negations`` and ``neutral`` are the weights of generated negations and of texts without sentiment; 0 uses none.
    ``encoder_words`` initialises word vectors from the encoder; ``composed`` adds character vectors. ``ngrams`` is the
    maximum number of n-grams. ``sample`` bounds the number of training comments; 0 uses all. Training reads
    ``longest_trained`` words of a text, serving ``maximum_tokens``; both keep head and tail.
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
    neutral: float = 0.0
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
    """Return ``options`` for a training that starts from ``start``, with its vocabulary and widths."""
    sizes = start.configuration.sizes
    return replace(
        options, start=start.sha256, words=len(start.words), embedding=sizes["embedding"], hidden=sizes["hidden"]
    )
