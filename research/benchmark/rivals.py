"""The models to compare with: alternatives that people could install or write.

scikit-learn and pysenti are not dependencies of the running system. Without them, their rows are left out.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec

import numpy

from liuyan.progress import Report
from model.labeller import Labeller
from model.training.data import Comment
from research.features import words_and_pairs

# Regularisation of the linear model, chosen on validation.
COSTS = (0.1, 0.3, 1.0)
CHUNK_SIZE = 512

# Returns the probabilities of positive for texts.
Answer = Callable[[Sequence[str]], list[float]]


@dataclass(frozen=True, slots=True)
class Rival:
    """A model to compare. ``calibrated`` is False when it returns only 1 and 0 instead of probabilities."""

    name: str
    answer: Answer
    calibrated: bool = True


def find_rivals(
    labeller: Labeller, train: Sequence[Comment], validation: Sequence[Comment], report: Report
) -> list[Rival]:
    """Return the labeller, then every installed rival. The linear model is trained on ``train``."""
    rivals = [Rival(labeller.name, probabilities(labeller))]
    if find_spec("sklearn"):
        rivals.append(Rival("TF-IDF, LinearSVC", linear(train, validation, report)))
    rivals.append(Rival("snownlp", _snownlp()))
    if find_spec("pysenti"):
        rivals.append(Rival("pysenti", _pysenti(), calibrated=False))
    return rivals


def probabilities(labeller: Labeller) -> Answer:
    """Adapt a labeller to the interface of a rival."""
    return lambda texts: [one.probability for one in labeller.predict(texts)]


def linear(train: Sequence[Comment], validation: Sequence[Comment], report: Report) -> Answer:
    """Train LinearSVC on TF-IDF of words and word pairs, with our segmentation; calibrate it on validation."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.svm import LinearSVC

    what = "training the linear model"
    vectorizer = TfidfVectorizer(analyzer=words_and_pairs(), min_df=2, sublinear_tf=True, dtype=numpy.float32)
    report(what, 0, 1 + len(COSTS))
    features = vectorizer.fit_transform([one.text for one in train])
    labels = [one.positive for one in train]
    held_features = vectorizer.transform([one.text for one in validation])
    held_labels = [one.positive for one in validation]
    best = (-1.0, LinearSVC())
    for place, cost in enumerate(COSTS):
        report(what, 1 + place, 1 + len(COSTS))
        model = LinearSVC(C=cost).fit(features, labels)
        best = max(best, (float(model.score(held_features, held_labels)), model), key=lambda pair: pair[0])
    report(what, 1 + len(COSTS), 1 + len(COSTS))
    chosen = best[1]
    scaling = LogisticRegression().fit(chosen.decision_function(held_features)[:, None], held_labels)

    def answer(texts: Sequence[str]) -> list[float]:
        margins = chosen.decision_function(vectorizer.transform(texts))
        probabilities: list[float] = scaling.predict_proba(margins[:, None])[:, 1].tolist()
        return probabilities

    return answer


def _snownlp() -> Answer:
    from snownlp import SnowNLP

    # snownlp divides by zero for an empty text.
    return lambda texts: [float(SnowNLP(text).sentiments) if text else 0.5 for text in texts]


def _pysenti() -> Answer:
    import pysenti

    return lambda texts: [float(pysenti.classify(text)["score"] > 0) for text in texts]
