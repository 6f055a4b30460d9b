"""Distillation: use the probabilities of earlier models as targets for the next one.

A probability contains more information than a label, exposes mislabelled comments, and is available for unlabelled
comments. Validation and test comments keep their labels, and unlabelled comments are never in these parts.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from liuyan.progress import Report
from model.labeller import Labeller
from model.training.data import UNLABELLED, Comment, digest, part_of

CHUNK_SIZE = 2_048


def teach(
    comments: dict[str, Comment], teachers: Sequence[Labeller], share: float, report: Report
) -> dict[str, Comment]:
    """Return labelled ``comments`` (by key) with the teachers' mean probability as this ``share`` of their targets."""
    keys = [key for key in comments if part_of(key) == "train"]
    answers = ask(teachers, [comments[key].text for key in keys], report)
    taught = dict(comments)
    for key, answer in zip(keys, answers, strict=True):
        target = (1 - share) * comments[key].target + share * answer
        taught[key] = replace(comments[key], target=target)
    return taught


def label_unlabelled(
    texts: Iterable[str],
    known: Iterable[str],
    teachers: Sequence[Labeller],
    report: Report,
) -> dict[str, Comment]:
    """Label the unlabelled ``texts`` of the train part that are not ``known`` (digests). Return comments by digest."""
    left_out = set(known)
    new = {key: text for text in texts if part_of(key := digest(text)) == "train" and key not in left_out}
    answers = ask(teachers, list(new.values()), report)
    return {
        key: Comment(text, answer >= 0.5, UNLABELLED, answer, rated=True)
        for (key, text), answer in zip(new.items(), answers, strict=True)
    }


def ask(teachers: Sequence[Labeller], texts: Sequence[str], report: Report) -> list[float]:
    """Return the teachers' mean probability of positive for each text."""
    answers: list[float] = []
    for start in range(0, len(texts), CHUNK_SIZE):
        chunk = texts[start : start + CHUNK_SIZE]
        each = [[one.probability for one in teacher.predict(chunk)] for teacher in teachers]
        answers += [sum(one) / len(one) for one in zip(*each, strict=True)]
        report(f"asking {len(teachers)} models about {len(texts)} comments", len(answers), len(texts))
    return answers
