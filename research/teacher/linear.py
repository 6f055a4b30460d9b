"""The linear teacher: cross-fitted LinearSVC on TF-IDF of words and word pairs.

A linear model memorises labels, so five models are trained, each without a fifth of the comments. A training comment is
labelled only by the model that was not trained on it, other comments by the mean of all five.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy
from numpy.typing import NDArray

from liuyan.errors import UsageError
from liuyan.progress import Report
from model.training.data import Comment
from research.features import words_and_pairs
from research.teacher.answers import Reply
from research.train.folds import fold_of

FOLDS = 5
COST = 0.2


class LinearTeacher:
    """A linear teacher. Training takes minutes, so it starts with the first request and is not cached."""

    name = "linear"
    width = 0

    def __init__(self, comments: Mapping[str, Comment], report: Report) -> None:
        """``comments`` are the training comments by key."""
        self._comments = comments
        self._report = report
        content = hashlib.sha256(f"linear {FOLDS} {COST}".encode())
        for key in sorted(comments):
            content.update(f"{key}{comments[key].positive:d}".encode())
        self.digest = content.hexdigest()
        self._decide: Callable[[Sequence[str]], NDArray[numpy.float64]] | None = None

    def answer(self, comments: Mapping[str, str]) -> Reply:
        """Return margins. For a training comment, it is the margin of the model that was not trained on it."""
        if self._decide is None:
            self._decide = self._train()
        margins = self._decide(list(comments.values()))
        seen = [key in self._comments for key in comments]
        folds = [fold_of(key, FOLDS) for key in comments]
        own = margins[numpy.arange(len(folds)), folds]
        return Reply(numpy.where(seen, own, margins.mean(1)).tolist())

    def _train(self) -> Callable[[Sequence[str]], NDArray[numpy.float64]]:
        """Train the models. Return a function from texts to margins (texts, folds)."""
        try:
            from sklearn.feature_extraction.text import TfidfVectorizer
            from sklearn.svm import LinearSVC
        except ImportError as error:
            raise UsageError("The linear teacher needs scikit-learn. Run `make install`.") from error
        what = "training the linear teacher"
        vectorizer: Any = TfidfVectorizer(analyzer=words_and_pairs(), min_df=2, sublinear_tf=True, dtype=numpy.float32)
        self._report(what, 0, 1 + FOLDS)
        features = vectorizer.fit_transform([one.text for one in self._comments.values()])
        labels = numpy.array([one.positive for one in self._comments.values()])
        folds = numpy.array([fold_of(key, FOLDS) for key in self._comments])
        models: list[Any] = []
        for fold in range(FOLDS):
            self._report(what, 1 + fold, 1 + FOLDS)
            models.append(LinearSVC(C=COST).fit(features[folds != fold], labels[folds != fold]))

        def decide(texts: Sequence[str]) -> NDArray[numpy.float64]:
            held = vectorizer.transform(texts)
            return numpy.stack([model.decision_function(held) for model in models], axis=1)

        return decide
