"""Build the shipped artifact, including its teachers, in cached steps that can be interrupted.

Teachers are trained on the labelled comments and label all comments. Their answers, weighted on validation, are the
larger part of the student's targets. Finally, the student is trained on labels only.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch

from liuyan.errors import UsageError
from liuyan.progress import Report
from model.artifact import Artifact, read_artifact
from model.ngrams import NONE
from model.processor import CPU
from model.training.data import AUGMENTED, UNLABELLED, Comment
from model.training.options import Options, with_initial_model
from model.training.train import train
from model.training.trainer import Epoch
from research.cached_runs import fingerprint, run_cached
from research.data.registry import DESCRIBED
from research.hints import first_vectors, gather_hints
from research.negation import with_negations
from research.neutral import with_neutral
from research.teacher import ensemble
from research.teacher.answers import Answers, Teacher, ask
from research.teacher.augmented import augment_corpus
from research.teacher.corpus import Corpus
from research.teacher.encoder_teacher import (
    EncoderTeacher,
    encoder_path,
    options_on,
    pretrained_vectors,
    train_encoder,
)
from research.teacher.encoder_training import EncoderCheck
from research.teacher.gru import GruTeacher
from research.teacher.grus import GruEnsemble, train_grus
from research.teacher.linear import LinearTeacher

# Validation comments of each data set that are used to weight the teachers.
WEIGHED_ON = 500
# Options of the final epochs on labels only (research/decisions/label-only-final-pass.md).
LABELS_RATE = 6e-4
LABELS_NEGATIONS = 2.0


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to build the model.

    ``encoders`` are the numbers of comments to train each encoder on. ``grus`` is the number of GRU teachers,
    ``linear`` adds a linear teacher, and ``earlier`` are artifacts that teach too. The student starts from ``start``.
    Without ``asking``, only cached answers are used. ``augmented`` is the number of augmented texts, for which an
    encoder provides similar words. ``labels`` are the options of the final training on labels only; None leaves it out.
    Encoders and student are trained on ``device``.
    """

    student: Options
    gru: Options
    encoders: Mapping[str, int]
    grus: int
    earlier: Sequence[Path] = ()
    start: Artifact | None = None
    linear: bool = True
    asking: bool = True
    augmented: int = 0
    labels: Options | None = None
    device: torch.device = CPU


@dataclass(frozen=True, slots=True)
class Callbacks:
    """Functions that report progress, epochs, checks of the encoder and other messages."""

    progress: Report
    epoch: Callable[[Epoch], None]
    check: Callable[[EncoderCheck], None]
    message: Callable[[str], object]


def build(corpus: Corpus, recipe: Recipe, cache: Path, output: Path, callbacks: Callbacks) -> Mapping[str, object]:
    """Run the steps that are not cached, and train the student into ``output``. Return its metrics.

    Raises UsageError for an invalid recipe.
    """
    _check(recipe)
    teachers = _teachers(corpus, recipe, cache, callbacks)
    corpus = _augment(corpus, recipe, cache, callbacks.progress)
    answers = _ask(corpus, teachers, cache / "answers", recipe, callbacks)
    known = {name: one.known for name, one in answers.items()}
    for line in evaluate_teachers(known, corpus.parts["validation"]):
        callbacks.message(line)
    options = _student_options(recipe, teachers)

    def teach(folder: Path) -> Mapping[str, object]:
        return _teach(corpus, recipe, options, _encoder(teachers), answers, folder, callbacks)

    if recipe.labels is None:
        return teach(output)
    # More answers of a teacher require another student.
    answered = (f"{name} {len(one)}" for name, one in known.items())
    data = fingerprint(corpus.chosen, {*corpus.unlabelled, *corpus.augmented, *answered})
    taught = read_artifact(run_cached(cache, "taught", options, data, teach))
    return _learn_labels(corpus, recipe.labels, taught, output, recipe, callbacks)


def _check(recipe: Recipe) -> None:
    """Raise UsageError for an invalid recipe, which would otherwise fail after hours."""
    if recipe.augmented and not recipe.encoders:
        raise UsageError("Augmented texts need an encoder to find similar words. Add one, or use --augmented 0.")
    hidden, narrowest = recipe.student.hidden, recipe.start.configuration.sizes["hidden"] if recipe.start else 0
    if hidden < narrowest:
        raise UsageError(f"--hidden {hidden} is less than the {narrowest} of --start. Use at least {narrowest}.")


def _student_options(recipe: Recipe, teachers: Sequence[Teacher]) -> Options:
    """Return the student's options with its teachers and its initial model."""
    named = tuple(f"{teacher.name} {teacher.digest[:12]}" for teacher in teachers)
    options = replace(recipe.student, teachers=named)
    if _encoder(teachers) is None:
        options = replace(options, hints=0.0, encoder_words=False)
    if recipe.start is None:
        return options
    return replace(with_initial_model(options, recipe.start), hidden=options.hidden)


def _encoder(teachers: Sequence[Teacher]) -> EncoderTeacher | None:
    """Return the last encoder, which provides hints and word vectors to the student."""
    return next((one for one in reversed(teachers) if isinstance(one, EncoderTeacher)), None)


def _teach(
    corpus: Corpus,
    recipe: Recipe,
    options: Options,
    encoder: EncoderTeacher | None,
    answers: Mapping[str, Answers],
    output: Path,
    callbacks: Callbacks,
) -> Mapping[str, object]:
    """Train the student on the teachers' ``answers`` into ``output``. Return its metrics."""
    known = {name: one.known for name, one in answers.items()}
    comments = _with_generated(_targets(corpus, known, options.teachers_share), corpus, options)
    return train(
        comments, options, output, callbacks.progress, callbacks.epoch, resume=True,
        start=replace(recipe.start, ngrams=NONE) if recipe.start else None,  # n-grams are trained on these comments
        hints=gather_hints(*answers[encoder.name].vectors()) if encoder and options.hints else None,
        first_vectors=first_vectors(encoder.of_words, options.embedding) if encoder and options.encoder_words else None,
        device=recipe.device, sources=DESCRIBED,
    )  # fmt: skip


def _learn_labels(
    corpus: Corpus, labels: Options, taught: Artifact, output: Path, recipe: Recipe, callbacks: Callbacks
) -> Mapping[str, object]:
    """Train ``taught`` on labels and generated comments into ``output``, and keep its n-grams."""
    comments = _with_generated(corpus.chosen, corpus, labels)
    return train(
        comments, with_initial_model(labels, taught), output, callbacks.progress, callbacks.epoch, resume=True,
        start=taught, device=recipe.device, sources=DESCRIBED,
    )  # fmt: skip


def _with_generated(comments: Mapping[str, Comment], corpus: Corpus, options: Options) -> dict[str, Comment]:
    return with_negations(with_neutral(comments, corpus.neutral, options.neutral), options.negations)


def _teachers(corpus: Corpus, recipe: Recipe, cache: Path, callbacks: Callbacks) -> list[Teacher]:
    teachers: list[Teacher] = []
    if recipe.linear:
        teachers.append(LinearTeacher(corpus.parts["train"], callbacks.progress))
    teachers += [GruTeacher(path) for path in recipe.earlier]
    if recipe.grus:
        paths = train_grus(corpus.chosen, recipe.gru, cache, callbacks.progress, callbacks.epoch, recipe.grus)
        teachers.append(GruEnsemble(paths, corpus.parts["train"]))
    for name, comments in recipe.encoders.items():
        path = encoder_path(cache, name)
        options = options_on(recipe.device)[name]
        for row in train_encoder(corpus, path, options, comments, callbacks.progress, recipe.device):
            callbacks.check(row)
        teachers.append(EncoderTeacher(path, recipe.device))
    return teachers


def _augment(corpus: Corpus, recipe: Recipe, cache: Path, report: Report) -> Corpus:
    """Add augmented texts to ``corpus``."""
    if not recipe.augmented:
        return corpus
    *_, encoder = recipe.encoders
    texts = augment_corpus(
        corpus, recipe.augmented, recipe.student,
        recipe.start.words if recipe.start else None, partial(pretrained_vectors, encoder, cache), report,
    )  # fmt: skip
    return replace(corpus, augmented=texts)


def _ask(
    corpus: Corpus, teachers: Sequence[Teacher], folder: Path, recipe: Recipe, callbacks: Callbacks
) -> dict[str, Answers]:
    """Return the answers of each teacher by name, with vectors if the student needs hints."""
    texts = texts_to_ask(corpus)
    by_teacher: dict[str, Answers] = {}
    for teacher in teachers:
        answers = Answers(folder, teacher.digest, teacher.width)
        if not recipe.student.hints and not answers.known:
            answers = Answers(folder, teacher.digest)
        if recipe.asking:
            ask(teacher, texts, answers, callbacks.progress)
        by_teacher[teacher.name] = answers
    return by_teacher


def texts_to_ask(corpus: Corpus) -> dict[str, str]:
    """Return all texts by digest, most important first, because a teacher may not label all of them in time.

    The order is: comments that the teacher's weight is fitted on, labelled, unlabelled, rated and augmented ones.
    """
    counts: dict[str, int] = {}
    first: dict[str, str] = {}
    for key, one in corpus.parts["validation"].items():
        counts[one.source] = counts.get(one.source, 0) + 1
        if counts[one.source] <= WEIGHED_ON:
            first[key] = one.text
    train = corpus.parts["train"]
    labelled = {key: one.text for key, one in train.items() if not one.rated}
    rated = {key: one.text for key, one in train.items() if one.rated}
    return {**first, **labelled, **corpus.unlabelled, **rated, **corpus.augmented}


def evaluate_teachers(known: ensemble.Known, validation: Mapping[str, Comment]) -> list[str]:
    """Return one line per teacher and one for all together, with weights and accuracy on validation."""
    lines = []
    groups = [(name,) for name in known] + ([tuple(known)] if len(known) > 1 else [])
    for names in groups:
        keys = [key for key in validation if all(key in known[name] for name in names)]
        if not keys:
            lines.append(f"{names[0]}: no answers")
            continue
        fitted = ensemble.fit(known, names, validation)
        correct: dict[str, list[bool]] = {}
        for key in keys:
            guess = fitted.probability({name: known[name][key] for name in names})
            correct.setdefault(validation[key].source, []).append((guess >= 0.5) == validation[key].positive)
        pooled = sum(map(sum, correct.values())) / len(keys)
        mean = sum(sum(one) / len(one) for one in correct.values()) / len(correct)
        weights = ", ".join(f"{name} {weight:.2f}" for name, weight in fitted.weights.items())
        lines.append(f"{weights}: accuracy {pooled:.4f}, mean over sets {mean:.4f}, comments {len(keys)}")
    return lines


def _targets(corpus: Corpus, known: ensemble.Known, share: float) -> dict[str, Comment]:
    """Return all comments with the teachers' share in train targets, and unlabelled texts with an answer."""
    train = corpus.parts["train"]
    unlabelled = {key: (text, UNLABELLED) for key, text in corpus.unlabelled.items()}
    unlabelled |= {key: (text, AUGMENTED) for key, text in corpus.augmented.items()}
    comments = dict(corpus.chosen)
    for key, answer in ensemble.answer(known, [*train, *unlabelled], corpus.parts["validation"]).items():
        if key in unlabelled:
            text, source = unlabelled[key]
            comments[key] = Comment(text, answer >= 0.5, source, answer, rated=True)
        else:
            comments[key] = replace(train[key], target=(1 - share) * train[key].target + share * answer)
    return comments
