"""Choose the columns of comments and labels in a CSV file, and detect a header.

Column names decide if there are any. Otherwise the values do: comments are long, distinct and mostly Chinese, while
ids, dates, numbers, names and labels are not.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from liuyan.text_files.column_words import comment_rank, fold, is_known, is_other, label_rank, looks_like_prose
from liuyan.text_files.errors import Needs, TextFileError
from liuyan.text_files.labels import LABELS

# Number of rows on which the choice is based.
SAMPLE = 500
LONGEST_NAME = 40
# Text beyond this length does not make a value more likely to be a comment.
LONG = 60
MOST = 0.8
# From this number of rows on, a column with few distinct values is one of labels or categories.
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
    """Column indexes from 0: of comments, labels and others by name; ``names`` is the header."""

    names: tuple[str, ...] | None
    text: int
    label: int | None
    others: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class ColumnOptions:
    """How to choose columns.

    ``column`` and ``label_column`` are names or numbers from 1, None to detect them; ``header`` is whether the first
    row is a header, None to detect it; ``labels`` is whether a label column is required.
    """

    column: str | None = None
    label_column: str | None = None
    header: bool | None = None
    labels: bool = False
    others: tuple[str, ...] = ()


def choose_columns(rows: Sequence[Sequence[str]], options: ColumnOptions) -> Columns:
    """Choose the columns of a file that starts with ``rows`` (at least one). Raises TextFileError."""
    first, rest = rows[0], rows[1:]
    header = options.header if options.header is not None else _is_header(first, rest, options)
    names = tuple(name.strip() for name in first) if header else None
    values = _columns_of(rest if header else rows, len(first))
    label = _label(names, values, options)
    requested = options.column
    text = _comments(names, values, label) if requested is None else _named(requested, names, len(first))
    others = {name: names.index(name) for name in options.others if name in names} if names else {}
    return Columns(names, text, label, others)


def is_data(value: str) -> bool:
    """Return whether a cell is empty or contains a number, a date, an address or an id instead of text."""
    return not value.strip() or _DATA.fullmatch(value.strip()) is not None


def _is_header(first: Sequence[str], rest: Sequence[Sequence[str]], options: ColumnOptions) -> bool:
    if any(len(name) > LONGEST_NAME or "\n" in name or _SENTENCE.search(name) for name in first):
        return False
    stripped = [name.strip() for name in first]
    requested = [name for name in (options.column, options.label_column) if name and not name.isdecimal()]
    if any(fold(name) in map(fold, stripped) for name in requested):
        return True
    known = sum(map(is_known, first))
    # A single known word may also be a comment: next to a cell that is clearly text, it does not make a header.
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
    """Return whether the first row differs in kind: a word above numbers, or ASCII names above Chinese texts."""
    if not first[0] and columns[0] and all(value.isdecimal() for value in columns[0]):
        return True  # pandas writes its index with an empty name.
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
    """Return the non-empty cells of each column."""
    return [[row[index] for row in rows if index < len(row) and row[index].strip()] for index in range(width)]


def _named(column: str, names: Sequence[str] | None, width: int, needs: Needs = "column") -> int:
    """Return the index of a column that is chosen by name or number."""
    requested = column.strip()
    for same in (str.strip, fold):
        indexes = [index for index, name in enumerate(names or ()) if same(name) == same(requested) and same(requested)]
        if len(indexes) > 1:
            raise _ambiguous(requested, indexes, needs)
        if indexes:
            return indexes[0]
    if requested.isascii() and requested.isdecimal() and 1 <= int(requested[:9]) <= width:
        return int(requested) - 1
    raise TextFileError(
        "There is no column %(column)s: name one of %(columns)s, or give a number from 1 to %(width)s.",
        column=ascii_or_plain(requested),
        columns=_list(names, width),
        width=width,
    )


def _comments(names: Sequence[str] | None, columns: Sequence[Sequence[str]], label: int | None) -> int:
    ranks = {index: comment_rank(name) for index, name in enumerate(names or ())}
    ranked = sorted((rank, index) for index, rank in ranks.items() if rank is not None)
    texts = [(rank, index) for rank, index in ranked if _may_be_comments(columns[index])]
    for rank, index in texts or ranked:
        same = [other for r, other in ranked if r == rank and fold((names or ())[other]) == fold((names or ())[index])]
        if len(same) > 1:
            raise _ambiguous((names or ())[index], same, "column")
        best = [other for r, other in texts or ranked if r == rank]
        return max(best, key=lambda other: _worth(columns[other]))
    others = {index for index, name in enumerate(names or ()) if is_other(name)} | {label}
    indexes = [index for index in range(len(columns)) if index not in others and _may_be_comments(columns[index])]
    if not indexes and not names and len(columns) == 1:
        return 0
    if not indexes:
        raise TextFileError(
            "No column looks like comments among %(columns)s.",
            needs="column",
            columns=_list(names, len(columns)),
        )
    return max(indexes, key=lambda index: _worth(columns[index]))


def _may_be_comments(values: Sequence[str]) -> bool:
    """Return whether values are neither mostly numbers or dates nor a few repeated values."""
    if not values:
        return False
    if fmean(map(is_data, values)) > 1 - MOST and fmean(map(is_data, values)) >= 0.5:
        return False
    return len(values) < REPEATED or len(set(values)) > max(5, len(values) // 20)


def _worth(values: Sequence[str]) -> float:
    """Score how much a column's values look like comments."""
    if not values:
        return 0.0
    texts = [value for value in values if not is_data(value)]
    length = sum(min(len(text), LONG) for text in texts) / len(values)
    chinese = fmean(len(_CHINESE.findall(text)) / len(text) for text in texts) if texts else 0.0
    sentences = fmean(bool(_SENTENCE.search(text)) for text in texts) if texts else 0.0
    return length * (0.3 + chinese) * (0.5 + sentences) * len(set(values)) / len(values)


def _label(names: Sequence[str] | None, columns: Sequence[Sequence[str]], options: ColumnOptions) -> int | None:
    if options.label_column is not None:
        return _named(options.label_column, names, len(columns), "label_column")
    if not options.labels:
        return None
    ranked = sorted((rank, index) for index, name in enumerate(names or ()) if (rank := label_rank(name)) is not None)
    if ranked:
        same = [index for _, index in ranked if fold((names or ())[index]) == fold((names or ())[ranked[0][1]])]
        if len(same) > 1:
            raise _ambiguous((names or ())[same[0]], same, "label_column")
        return ranked[0][1]
    by_value = [
        index for index, column in enumerate(columns) if column and all(fold_label(one) in LABELS for one in column)
    ]
    if names is None and len(by_value) == 1:
        return by_value[0]
    raise TextFileError(
        "There is no column label among %(columns)s.",
        needs="label_column",
        columns=_list(names, len(columns)),
    )


def fold_label(value: str) -> str:
    """Normalize a label as in ``LABELS``."""
    return value.strip().lower()


def _ambiguous(name: str, indexes: Sequence[int], needs: Needs) -> TextFileError:
    return TextFileError(
        "Several columns are called %(column)s: choose one by its number, one of %(numbers)s.",
        needs=needs,
        column=ascii_or_plain(name),
        numbers=", ".join(str(index + 1) for index in indexes),
    )


def _list(names: Sequence[str] | None, width: int) -> str:
    shown = [ascii_or_plain(name) for name in (names or ())[:20]] or [
        str(number + 1) for number in range(min(width, 20))
    ]
    return ", ".join(shown) + (", …" if width > 20 else "")


def ascii_or_plain(name: str) -> str:
    """Quote a name from the file for a message: truncated, with control characters escaped."""
    return repr(name[:LONGEST_NAME])
