"""Answers on disk, the linear teacher that never judges what it learnt, and several teachers as one."""

from collections.abc import Mapping
from pathlib import Path

import numpy
import pytest

from liuyan.errors import LiuyanError
from model.training.data import Comment, digest
from research.teacher import ensemble
from research.teacher.answers import Answers, Reply, ask
from research.teacher.gru import GruTeacher
from research.teacher.linear import FOLDS, LinearTeacher
from research.train.folds import fold_of
from tests.model.reports import silent


class Counting:
    """A teacher that says how long a text is, with a vector of so many, and remembers what it was asked."""

    name = "counting"
    digest = "c0ffee" * 8

    def __init__(self, width: int) -> None:
        self.width = width
        self.asked: list[str] = []

    def answer(self, comments: Mapping[str, str]) -> Reply:
        self.asked += comments.values()
        lengths = [len(text) for text in comments.values()]
        vectors = numpy.array([[length] * self.width for length in lengths], numpy.float16)
        return Reply(list(map(float, lengths)), vectors if self.width else None)


@pytest.mark.parametrize("width", [0, 3])
def test_nothing_is_asked_twice(tmp_path: Path, width: int) -> None:
    teacher = Counting(width)
    with pytest.raises(LiuyanError, match="it has none yet"):
        Answers(tmp_path, teacher.digest, width).vectors()
    texts = {digest(text): text for text in ("一", "一二", "一二三")}
    ask(teacher, texts, Answers(tmp_path, teacher.digest, width), silent)
    (path,) = tmp_path.iterdir()
    with path.open("ab") as stream:
        stream.write(b"half a")  # a kill in the middle of a record
    more = texts | {digest("一二三四"): "一二三四"}
    again = Answers(tmp_path, teacher.digest, width)
    ask(teacher, more, again, silent)
    assert teacher.asked == ["一", "一二", "一二三", "一二三四"]
    known = Answers(tmp_path, teacher.digest, width).known
    assert known == {key: float(len(text)) for key, text in more.items()}
    assert again.known == known
    keys, vectors = again.vectors()
    assert {key: vector.tolist() for key, vector in zip(keys, vectors, strict=True)} == {
        key: [float(len(text))] * width for key, text in more.items()
    }


def test_vectors_are_kept_where_they_are_wanted(tmp_path: Path) -> None:
    texts = {digest(text): text for text in ("一", "一二")}
    ask(Counting(300), texts, without := Answers(tmp_path, Counting.digest), silent)
    ask(Counting(300), texts, within := Answers(tmp_path, Counting.digest, 300), silent)
    assert without.known == within.known == {key: float(len(text)) for key, text in texts.items()}
    sizes = {path.suffix: path.stat().st_size for path in tmp_path.iterdir()}
    assert sizes == {".answers": 2 * 12, ".vectors": 2 * 612}


def test_the_linear_teacher_did_not_see_what_it_is_asked_about(few_comments: dict[str, Comment]) -> None:
    # A comment with a wrong label and a word that nothing else has: who learnt it would repeat the label.
    odd = Comment("唯独此句唯独此句，很好很好", False, "made_up", 0.0)
    comments = few_comments | {digest(odd.text): odd}
    teacher = LinearTeacher(comments, silent)
    assert teacher.answer({digest(odd.text): odd.text}).logits[0] > 0
    answers = teacher.answer({key: one.text for key, one in few_comments.items()}).logits
    right = [(answer > 0) == one.positive for answer, one in zip(answers, few_comments.values(), strict=True)]
    assert sum(right) / len(right) > 0.99
    assert {fold_of(key, FOLDS) for key in few_comments} == set(range(FOLDS))
    assert LinearTeacher(few_comments, silent).digest != teacher.digest


def test_an_artifact_as_a_teacher(tiny_artifact: Path) -> None:
    good, bad = GruTeacher(tiny_artifact).answer({"a": "早餐很好，喜欢", "b": "早餐很差，讨厌"}).logits
    assert good > 1
    assert bad < -1


def test_an_ensemble_trusts_who_is_right() -> None:
    validation = {f"{n:016x}": Comment("", n % 2 == 0, "a" if n < 150 else "b", float(n % 2 == 0)) for n in range(200)}
    signs = {key: 1.0 if one.positive else -1.0 for key, one in validation.items()}
    good = {key: sign * (1 if n % 7 else -1) for n, (key, sign) in enumerate(signs.items())}
    noise = {key: (-1.0) ** (n // 2) for n, key in enumerate(signs)}
    said = {"good": good, "noise": noise}
    fitted = ensemble.fit(said, ["good", "noise"], validation)
    assert fitted.weights["good"] > 1
    assert fitted.weights["noise"] < 0.2
    # Calibrated: right six times out of seven.
    assert fitted.probability({"good": 1.0, "noise": 0.0}) == pytest.approx(6 / 7, abs=0.03)


def test_those_that_answered_are_taken() -> None:
    validation = {f"{n:016x}": Comment("", n % 2 == 0, "a", float(n % 2 == 0)) for n in range(40)}
    said = {
        "all": {key: 1.0 if one.positive else -1.0 for key, one in validation.items()} | {"f" * 16: 1.0},
        "some": dict.fromkeys(validation, 0.0),
    }
    answers = ensemble.answer(said, [*validation, "f" * 16, "e" * 16], validation)
    assert answers["f" * 16] > 0.9
    assert "e" * 16 not in answers
    assert len(answers) == 41
