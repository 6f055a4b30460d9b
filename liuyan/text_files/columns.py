"""Which column of a CSV file holds the comments, which one the labels, and whether the first row is a header.

Names decide where there are any. Without them the values do: comments are long, differ from each other, and are mostly
Chinese, while ids, dates, numbers, names and labels are not.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from liuyan.text_files.column_words import comment_rank, fold, is_known, is_other, label_rank, looks_like_prose
from liuyan.text_files.errors import Needs, TextFileError
from liuyan.text_files.labels import LABELS

# Rows that are looked at to choose a column.
SAMPLE = 500
LONGEST_NAME = 40
# Beyond this length a comment is no more of a comment.
LONG = 60
MOST = 0.8
# Labels and categories: few different values in many rows.
REPEATED = 20
_SENTENCE = re.compile(r"[，。！？；!?~～…]|[^\d][,.](?:\s|$)")
_CHINESE = re.compile(r"[\u4e00-\u9fff]")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_ .\-]*")
_DATA = re.compile(
    r"[-+]?[\d.,:/\-\s%￥¥$年月日时分秒TZ+]*\d[\d.,:/\-\s%￥¥$年月日时分秒TZ+]*"  # numbers, dates, times, prices
    r"|https?://\S+|www\.\S+|[^\s@]+@[\w.\-]+\.\w+|[0-9a-fA-F\-]{16,}|true|false|null|none|nan|n/a",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Columns:
    """Places of columns from 0: of the comments, of the labels and of others by name; ``names`` is the header."""

    names: tuple[str, ...] | None
    text: int
    label: int | None
    others: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a reader asks for: ``column`` and ``label_column`` by name or number from 1, None to choose them;
    ``header`` whether the first row is one, None to find out; ``labels`` whether there have to be labels."""

    column: str | None = None
    label_column: str | None = None
    header: bool | None = None
    labels: bool = False
    others: tuple[str, ...] = ()


def choose_columns(rows: Sequence[Sequence[str]], wanted: Wanted) -> Columns:
    """The columns of a file that begins with ``rows``, at least one. Raises TextFileError."""
    first, rest = rows[0], rows[1:]
    header = wanted.header if wanted.header is not None else _is_header(first, rest, wanted)
    names = tuple(name.strip() for name in first) if header else None
    values = _columns_of(rest if header else rows, len(first))
    label = _label(names, values, wanted)
    asked = wanted.column
    text = _comments(names, values, label) if asked is None else _named(asked, names, len(first))
    others = {name: names.index(name) for name in wanted.others if name in names} if names else {}
    return Columns(names, text, label, others)


def is_data(value: str) -> bool:
    """Whether a cell is a number, a date, an address or an id, and not a text."""
    return not value.strip() or _DATA.fullmatch(value.strip()) is not None


def _is_header(first: Sequence[str], rest: Sequence[Sequence[str]], wanted: Wanted) -> bool:
    if any(len(name) > LONGEST_NAME or "\n" in name or _SENTENCE.search(name) for name in first):
        return False
    stripped = [name.strip() for name in first]
    asked = [name for name in (wanted.column, wanted.label_column) if name and not name.isdecimal()]
    if any(fold(name) in map(fold, stripped) for name in asked):
        return True
    known = sum(map(is_known, first))
    # A comment may begin with one word that is also a name: beside a cell that is clearly a text it is no header.
    prose = any(map(looks_like_prose, stripped))
    if known > 1 or (known and not prose):
        return True
    if len(first) == 1:
        return False
    named = not prose and any(comment_rank(name) is not None for name in first)
    if named and not any(filter(None, map(_is_number, stripped))):
        return True
    return _differs_from_rest(stripped, _columns_of(rest, len(first)))


def _is_number(name: str) -> bool:
    return bool(name) and is_data(name)


def _differs_from_rest(first: Sequence[str], columns: Sequence[Sequence[str]]) -> bool:
    """Whether the first row is of another kind than the others: a word above numbers, or names above Chinese texts."""
    if not first[0] and columns[0] and all(value.isdecimal() for value in columns[0]):
        return True  # pandas writes its index below an empty name
    above_data = (
        name and not is_data(name) and column and fmean(map(is_data, column)) >= MOST
        for name, column in zip(first, columns, strict=True)
    )
    if any(above_data):
        return True
    chinese = any(
        len(column) >= 5 and fmean(bool(_CHINESE.search(one)) for one in column) >= MOST for column in columns
    )
    return chinese and all(_NAME.fullmatch(name) for name in first if name) and any(first)


def _columns_of(rows: Sequence[Sequence[str]], width: int) -> list[list[str]]:
    """The cells of each column that are not empty."""
    return [[row[place] for row in rows if place < len(row) and row[place].strip()] for place in range(width)]


def _named(column: str, names: Sequence[str] | None, width: int, needs: Needs = "column") -> int:
    """The place of a column asked for by name or number."""
    asked = column.strip()
    for same in (str.strip, fold):
        places = [place for place, name in enumerate(names or ()) if same(name) == same(asked) and same(asked)]
        if len(places) > 1:
            raise _ambiguous(asked, places, needs)
        if places:
            return places[0]
    if asked.isascii() and asked.isdecimal() and 1 <= int(asked[:9]) <= width:
        return int(asked) - 1
    raise TextFileError(
        "There is no column %(column)s: name one of %(columns)s, or give a number from 1 to %(width)s.",
        column=ascii_or_plain(asked),
        columns=_list(names, width),
        width=width,
    )


def _comments(names: Sequence[str] | None, columns: Sequence[Sequence[str]], label: int | None) -> int:
    ranks = {place: comment_rank(name) for place, name in enumerate(names or ())}
    ranked = sorted((rank, place) for place, rank in ranks.items() if rank is not None)
    texts = [(rank, place) for rank, place in ranked if _may_be_comments(columns[place])]
    for rank, place in texts or ranked:
        same = [other for r, other in ranked if r == rank and fold((names or ())[other]) == fold((names or ())[place])]
        if len(same) > 1:
            raise _ambiguous((names or ())[place], same, "column")
        best = [other for r, other in texts or ranked if r == rank]
        return max(best, key=lambda other: _worth(columns[other]))
    others = {place for place, name in enumerate(names or ()) if is_other(name)} | {label}
    places = [place for place in range(len(columns)) if place not in others and _may_be_comments(columns[place])]
    if not places and not names and len(columns) == 1:
        return 0
    if not places:
        raise TextFileError(
            "No column looks like comments among %(columns)s.",
            needs="column",
            columns=_list(names, len(columns)),
        )
    return max(places, key=lambda place: _worth(columns[place]))


def _may_be_comments(values: Sequence[str]) -> bool:
    """Not mostly numbers or dates, nor a few values that repeat."""
    if not values:
        return False
    if fmean(map(is_data, values)) > 1 - MOST and fmean(map(is_data, values)) >= 0.5:
        return False
    return len(values) < REPEATED or len(set(values)) > max(5, len(values) // 20)


def _worth(values: Sequence[str]) -> float:
    """How much like comments the values of a column are."""
    if not values:
        return 0.0
    texts = [value for value in values if not is_data(value)]
    length = sum(min(len(text), LONG) for text in texts) / len(values)
    chinese = fmean(len(_CHINESE.findall(text)) / len(text) for text in texts) if texts else 0.0
    sentences = fmean(bool(_SENTENCE.search(text)) for text in texts) if texts else 0.0
    return length * (0.3 + chinese) * (0.5 + sentences) * len(set(values)) / len(values)


def _label(names: Sequence[str] | None, columns: Sequence[Sequence[str]], wanted: Wanted) -> int | None:
    if wanted.label_column is not None:
        return _named(wanted.label_column, names, len(columns), "label_column")
    if not wanted.labels:
        return None
    ranked = sorted((rank, place) for place, name in enumerate(names or ()) if (rank := label_rank(name)) is not None)
    if ranked:
        same = [place for _, place in ranked if fold((names or ())[place]) == fold((names or ())[ranked[0][1]])]
        if len(same) > 1:
            raise _ambiguous((names or ())[same[0]], same, "label_column")
        return ranked[0][1]
    by_value = [
        place for place, column in enumerate(columns) if column and all(fold_label(one) in LABELS for one in column)
    ]
    if names is None and len(by_value) == 1:
        return by_value[0]
    raise TextFileError(
        "There is no column label among %(columns)s.",
        needs="label_column",
        columns=_list(names, len(columns)),
    )


def fold_label(value: str) -> str:
    """A label as the table of labels spells it."""
    return value.strip().lower()


def _ambiguous(name: str, places: Sequence[int], needs: Needs) -> TextFileError:
    return TextFileError(
        "Several columns are called %(column)s: choose one by its number, one of %(numbers)s.",
        needs=needs,
        column=ascii_or_plain(name),
        numbers=", ".join(str(place + 1) for place in places),
    )


def _list(names: Sequence[str] | None, width: int) -> str:
    shown = [ascii_or_plain(name) for name in (names or ())[:20]] or [
        str(number + 1) for number in range(min(width, 20))
    ]
    return ", ".join(shown) + (", …" if width > 20 else "")


def ascii_or_plain(name: str) -> str:
    """A name from the file as it may be shown in a message: in quotes, short, control characters escaped."""
    return repr(name[:LONGEST_NAME])
