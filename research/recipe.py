"""The shipped artifact, teachers included: each step goes on where it was killed, and none is done twice.

Teachers learn from the labelled comments; all of them answer for all comments; their answers, weighed on validation,
are the greater part of the student's targets. What it was taught is learnt on from labels alone in the end.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch

from liuyan.errors import UsageError
from model.artifact import Artifact, read_artifact
from model.ngrams import NONE
from model.processor import CPU
from model.progress import Report
from model.training.data import AUGMENTED, UNLABELLED, Comment
from model.training.options import Options, with_initial_model
from model.training.train import train
from model.training.trainer import Epoch
from research.cached_runs import fingerprint, once
from research.data.registry import DESCRIBED
from research.hints import first_vectors, gather_hints
from research.negation import with_negations
from research.teacher import ensemble
from research.teacher.answers import Answers, Teacher, ask
from research.teacher.augmented import made_of
from research.teacher.corpus import Corpus
from research.teacher.encoder_teacher import (
    EncoderTeacher,
    encoder_path,
    options_on,
    train_encoder,
    vectors_before,
)
from research.teacher.encoder_training import EncoderCheck
from research.teacher.gru import GruTeacher
from research.teacher.grus import GruEnsemble, train_grus
from research.teacher.linear import LinearTeacher

# Validation comments of each set that teachers are weighed on.
WEIGHED_ON = 500
# Of the last passes, on labels alone (research/decisions/labels-alone-in-the-end.md).
LABELS_RATE = 6e-4
LABELS_NEGATIONS = 2.0


@dataclass(frozen=True, slots=True)
class Recipe:
    """What is built from what. ``encoders`` are the comments that each encoder is trained on; ``grus`` 0 and no
    ``linear`` leave these teachers out; ``earlier`` are artifacts that teach too, ``start`` is the one that the student
    begins with; with ``asking`` False only the answers on disk count. ``augmented`` texts are made out of the others,
    with an encoder's neighbours of their words. ``labels`` is what the passes on labels alone are told, which the
    student goes on with in the end; None leaves them out. ``device`` computes encoders and student."""

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
class Telling:
    """Whom to tell: of progress, of a pass, of a check of the encoder, and of what else there is to say."""

    progress: Report
    epoch: Callable[[Epoch], None]
    check: Callable[[EncoderCheck], None]
    say: Callable[[str], object]


def build(corpus: Corpus, recipe: Recipe, cache: Path, output: Path, telling: Telling) -> Mapping[str, object]:
    """Train what is not trained, ask what is not answered, train the student into ``output``; gives its metrics.

    Raises UsageError when a recipe cannot be followed.
    """
    _refuse(recipe)
    teachers = _teachers(corpus, recipe, cache, telling)
    corpus = _augment(corpus, recipe, cache, telling.progress)
    answers = _ask(corpus, teachers, cache / "answers", recipe, telling)
    said = {name: one.known for name, one in answers.items()}
    for line in judge(said, corpus.parts["validation"]):
        telling.say(line)
    options = _student_options(recipe, teachers)

    def teach(folder: Path) -> Mapping[str, object]:
        return _teach(corpus, recipe, options, _encoder(teachers), answers, folder, telling)

    if recipe.labels is None:
        return teach(output)
    # With what a teacher says by then of more comments, another student is taught.
    answered = (f"{name} {len(known)}" for name, known in said.items())
    data = fingerprint(corpus.chosen, {*corpus.unlabelled, *corpus.augmented, *answered})
    taught = read_artifact(once(cache, "taught", options, data, teach))
    return _learn_labels(corpus, recipe.labels, taught, output, recipe, telling)


def _refuse(recipe: Recipe) -> None:
    """Raises UsageError for what would otherwise be found out after hours."""
    if recipe.augmented and not recipe.encoders:
        raise UsageError("Augmented texts need an encoder, which knows words alike: name one, or give --augmented 0.")
    hidden, narrowest = recipe.student.hidden, recipe.start.configuration.sizes["hidden"] if recipe.start else 0
    if hidden < narrowest:
        raise UsageError(f"--hidden {hidden} is less than the {narrowest} of --start: give that or more.")


def _student_options(recipe: Recipe, teachers: Sequence[Teacher]) -> Options:
    """What the student is told of its teachers and of what it begins with."""
    named = tuple(f"{teacher.name} {teacher.digest[:12]}" for teacher in teachers)
    options = replace(recipe.student, teachers=named)
    if _encoder(teachers) is None:
        options = replace(options, hints=0.0, encoder_words=False)
    if recipe.start is None:
        return options
    return replace(with_initial_model(options, recipe.start), hidden=options.hidden)


def _encoder(teachers: Sequence[Teacher]) -> EncoderTeacher | None:
    """The last encoder among them, which tells the student more than its logits."""
    return next((one for one in reversed(teachers) if isinstance(one, EncoderTeacher)), None)


def _teach(
    corpus: Corpus,
    recipe: Recipe,
    options: Options,
    encoder: EncoderTeacher | None,
    answers: Mapping[str, Answers],
    output: Path,
    telling: Telling,
) -> Mapping[str, object]:
    """The student of the teachers' ``answers``, into ``output``."""
    said = {name: one.known for name, one in answers.items()}
    comments = with_negations(_targets(corpus, said, options.teachers_share), options.negations)
    return train(
        comments, options, output, telling.progress, telling.epoch, resume=True,
        start=replace(recipe.start, ngrams=NONE) if recipe.start else None,  # it learns n-grams from these comments
        hints=gather_hints(*answers[encoder.name].vectors()) if encoder and options.hints else None,
        first_vectors=first_vectors(encoder.of_words, options.embedding) if encoder and options.encoder_words else None,
        device=recipe.device, sources=DESCRIBED,
    )  # fmt: skip


def _learn_labels(
    corpus: Corpus, labels: Options, taught: Artifact, output: Path, recipe: Recipe, telling: Telling
) -> Mapping[str, object]:
    """``taught`` learns on from labels and rules alone, into ``output``; its n-grams stay."""
    comments = with_negations(corpus.chosen, labels.negations)
    return train(
        comments, with_initial_model(labels, taught), output, telling.progress, telling.epoch, resume=True,
        start=taught, device=recipe.device, sources=DESCRIBED,
    )  # fmt: skip


def _teachers(corpus: Corpus, recipe: Recipe, cache: Path, telling: Telling) -> list[Teacher]:
    teachers: list[Teacher] = []
    if recipe.linear:
        teachers.append(LinearTeacher(corpus.parts["train"], telling.progress))
    teachers += [GruTeacher(path) for path in recipe.earlier]
    if recipe.grus:
        paths = train_grus(corpus.chosen, recipe.gru, cache, telling.progress, telling.epoch, recipe.grus)
        teachers.append(GruEnsemble(paths, corpus.parts["train"]))
    for name, comments in recipe.encoders.items():
        path = encoder_path(cache, name)
        options = options_on(recipe.device)[name]
        for row in train_encoder(corpus, path, options, comments, telling.progress, recipe.device):
            telling.check(row)
        teachers.append(EncoderTeacher(path, recipe.device))
    return teachers


def _augment(corpus: Corpus, recipe: Recipe, cache: Path, report: Report) -> Corpus:
    """``corpus`` with augmented texts."""
    if not recipe.augmented:
        return corpus
    *_, encoder = recipe.encoders
    texts = made_of(
        corpus, recipe.augmented, recipe.student,
        recipe.start.words if recipe.start else None, partial(vectors_before, encoder, cache), report,
    )  # fmt: skip
    return replace(corpus, augmented=texts)


def _ask(
    corpus: Corpus, teachers: Sequence[Teacher], folder: Path, recipe: Recipe, telling: Telling
) -> dict[str, Answers]:
    """What each teacher said, by its name; with the vectors behind it where the student guesses them."""
    texts = asked_first(corpus)
    said: dict[str, Answers] = {}
    for teacher in teachers:
        answers = Answers(folder, teacher.digest, teacher.width)
        if not recipe.student.hints and not answers.known:
            answers = Answers(folder, teacher.digest)
        if recipe.asking:
            ask(teacher, texts, answers, telling.progress)
        said[teacher.name] = answers
    return said


def asked_first(corpus: Corpus) -> dict[str, str]:
    """All texts by digest, in the order in which a teacher is asked that may not answer all of them in time.

    What its weight is learnt on; then what people labelled, what nobody did, what bears stars, and what was made of
    all these.
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


def judge(said: ensemble.Said, validation: Mapping[str, Comment]) -> list[str]:
    """A line for each teacher and one for all of them together: accuracy on validation, and their weights."""
    lines = []
    groups = [(name,) for name in said] + ([tuple(said)] if len(said) > 1 else [])
    for names in groups:
        keys = [key for key in validation if all(key in said[name] for name in names)]
        if not keys:
            lines.append(f"{names[0]}: no answers")
            continue
        fitted = ensemble.fit(said, names, validation)
        right: dict[str, list[bool]] = {}
        for key in keys:
            guess = fitted.probability({name: said[name][key] for name in names})
            right.setdefault(validation[key].source, []).append((guess >= 0.5) == validation[key].positive)
        pooled = sum(map(sum, right.values())) / len(keys)
        mean = sum(sum(one) / len(one) for one in right.values()) / len(right)
        weights = ", ".join(f"{name} {weight:.2f}" for name, weight in fitted.weights.items())
        lines.append(f"{weights}: accuracy {pooled:.4f}, mean over sets {mean:.4f}, comments {len(keys)}")
    return lines


def _targets(corpus: Corpus, said: ensemble.Said, share: float) -> dict[str, Comment]:
    """All comments, and the texts without a label that somebody answered; targets of the train part softened."""
    train = corpus.parts["train"]
    unlabelled = {key: (text, UNLABELLED) for key, text in corpus.unlabelled.items()}
    unlabelled |= {key: (text, AUGMENTED) for key, text in corpus.augmented.items()}
    comments = dict(corpus.chosen)
    for key, answer in ensemble.answer(said, [*train, *unlabelled], corpus.parts["validation"]).items():
        if key in unlabelled:
            text, source = unlabelled[key]
            comments[key] = Comment(text, answer >= 0.5, source, answer, rated=True)
        else:
            comments[key] = replace(train[key], target=(1 - share) * train[key].target + share * answer)
    return comments
