"""Distillation: earlier models say what they think of each comment, and the next one learns from that too.

A soft answer says more than a label, tells a mislabelled comment from a clear one, and can be had for comments without
a label. Comments of the validation and test parts keep their labels, and unlabelled ones never come into these parts.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from model.labeller import Labeller
from model.progress import Report
from model.training.data import UNLABELLED, Comment, digest, part_of

TOGETHER = 2_048


def teach(
    comments: dict[str, Comment], teachers: Sequence[Labeller], share: float, report: Report
) -> dict[str, Comment]:
    """``comments`` (by digest) with targets that are for this ``share`` the teachers' mean probability."""
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
    """Comments by digest out of ``texts`` without a label: none ``known`` (digests), none outside of the train part."""
    left_out = set(known)
    new = {key: text for text in texts if part_of(key := digest(text)) == "train" and key not in left_out}
    answers = ask(teachers, list(new.values()), report)
    return {
        key: Comment(text, answer >= 0.5, UNLABELLED, answer, rated=True)
        for (key, text), answer in zip(new.items(), answers, strict=True)
    }


def ask(teachers: Sequence[Labeller], texts: Sequence[str], report: Report) -> list[float]:
    """The teachers' mean probability of positive for each text."""
    answers: list[float] = []
    for start in range(0, len(texts), TOGETHER):
        chunk = texts[start : start + TOGETHER]
        each = [[one.probability for one in teacher.predict(chunk)] for teacher in teachers]
        answers += [sum(said) / len(said) for said in zip(*each, strict=True)]
        report(f"asking {len(teachers)} models about {len(texts)} comments", len(answers), len(texts))
    return answers
