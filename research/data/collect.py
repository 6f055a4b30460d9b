"""Create data sets from clones of public repositories. The files are reproducible byte by byte.

Repositories are read in their authors' formats: lines, CSV, JSON lines or spreadsheets. The results are the files that
`python -m research.data` knows by their SHA-256: CSV with the columns split,label,text, or one comment per line without
labels.
"""

import csv
import html
import io
import json
import re
import shlex
from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from zipfile import BadZipFile, ZipFile

from liuyan.errors import UsageError
from liuyan.progress import Report
from liuyan.text_files.csv_rows import LONGEST_CELL
from model.training.data import digest, fold

HAN = re.compile("[\u4e00-\u9fff]")
TAG = re.compile("<[^>]*>")
Rows = Iterator[tuple[str, str]]

STARS: Mapping[str, int] = {"1": 1, "2": 2, "4": 4, "5": 5}
TENS: Mapping[str, int] = {"0": 1, "10": 1, "20": 2, "40": 4, "50": 5}
HALVES: Mapping[str, int] = {"0": 1, "0.5": 1, "1": 1, "1.5": 2, "2": 2, "4": 4, "4.5": 5, "5": 5}
DOUBAN: Mapping[str, int] = {"很差": 1, "较差": 2, "推荐": 4, "力荐": 5}
EMOTIONS: Mapping[str, bool] = {
    "happiness": True,
    "like": True,
    "sadness": False,
    "anger": False,
    "disgust": False,
    "fear": False,
}
NUMBERS: Mapping[str, bool] = {"1": True, "0": False}


class Reader(Protocol):
    """Reads the comments in a file."""

    def read(self, content: bytes) -> Rows:
        """Yield the mark (the label in the author's notation, may be empty) and the text of each comment."""


@dataclass(frozen=True, slots=True)
class Lines:
    """One comment per line that matches ``pattern``: group ``text`` and optional group ``mark``."""

    pattern: str = "(?P<text>.*)"

    def read(self, content: bytes) -> Rows:
        """See ``Reader``."""
        for line in decode(content).split("\n"):
            if found := re.fullmatch(self.pattern, line.removesuffix("\r")):
                groups = found.groupdict()
                yield groups.get("mark") or "", groups["text"]


@dataclass(frozen=True, slots=True)
class Columns:
    """CSV: the positions of text and mark. A header needs no special treatment, because its mark is unknown."""

    text: int
    mark: int | None = None

    def read(self, content: bytes) -> Rows:
        """See ``Reader``."""
        csv.field_size_limit(LONGEST_CELL)
        for row in csv.reader(io.StringIO(decode(content), newline="")):
            if len(row) > max(self.text, self.mark or 0):
                yield ("" if self.mark is None else row[self.mark].strip()), row[self.text]


@dataclass(frozen=True, slots=True)
class Blocks:
    """Every match of ``pattern`` in the whole file: group ``text`` and optional group ``mark``; . matches line ends."""

    pattern: str

    def read(self, content: bytes) -> Rows:
        """See ``Reader``."""
        for found in re.finditer(self.pattern, decode(content).replace("\r", ""), re.DOTALL):
            yield found.groupdict().get("mark") or "", found["text"]


@dataclass(frozen=True, slots=True)
class Aspected:
    """Three lines per comment: the text with $T$ in place of an aspect, the aspect, and the mark."""

    def read(self, content: bytes) -> Rows:
        """See ``Reader``."""
        lines = [line.strip() for line in decode(content).splitlines()]
        for text, aspect, mark in zip(lines[::3], lines[1::3], lines[2::3], strict=False):
            yield mark, text.replace("$T$", aspect)


@dataclass(frozen=True, slots=True)
class Zipped:
    """The file ``member`` of a ZIP archive, read by ``reader``."""

    member: str
    reader: Reader

    def read(self, content: bytes) -> Rows:
        """See ``Reader``. Raises BadZipFile and ValueError when this is not that archive."""
        with ZipFile(io.BytesIO(content)) as archive:
            try:
                member = archive.read(self.member)
            except KeyError as error:
                raise ValueError(str(error)) from error
        yield from self.reader.read(member)


@dataclass(frozen=True, slots=True)
class JsonLines:
    """One JSON object per line: the names of text and mark."""

    text: str
    mark: str

    def read(self, content: bytes) -> Rows:
        """See ``Reader``."""
        for line in decode(content).split("\n"):
            if line.strip():
                yield _named(json.loads(line), self.mark, self.text)


@dataclass(frozen=True, slots=True)
class JsonArray:
    """An array of JSON objects, or of objects with such an array in ``within``: the names of text and mark.

    A name may be a path with dots. With ``top``, the file is an object with the array at that path.
    """

    text: str
    mark: str
    within: str = ""
    top: str = ""

    def read(self, content: bytes) -> Rows:
        """See ``Reader``."""
        whole = json.loads(decode(content) or "[]")
        for row in (_follow(whole, self.top) or ()) if self.top and whole else whole:
            for one in (_object(row).get(self.within) or ()) if self.within else (row,):
                yield _named(one, self.mark, self.text)


def _named(row: object, mark: str, text: str) -> tuple[str, str]:
    return str(_follow(row, mark, "")), str(_follow(row, text) or "")


def _follow(row: object, path: str, missing: object = None) -> Any:
    """Return the value at ``path``, names joined by dots, or ``missing``."""
    value: Any = row
    for name in path.split("."):
        if name not in _object(value):
            return missing
        value = value[name]
    return value


def _object(row: object) -> dict[str, Any]:
    if not isinstance(row, dict):
        raise ValueError(f"{str(row)[:40]} is not a JSON object")
    return row


@dataclass(frozen=True, slots=True)
class Sheet:
    """The first sheet of an .xlsx file: the positions of text and mark."""

    text: int
    mark: int

    def read(self, content: bytes) -> Rows:
        """See ``Reader``. Raises UsageError without the package openpyxl."""
        try:
            import openpyxl
        except ImportError as error:
            raise UsageError("Reading spreadsheets needs the package openpyxl. Run `make install`.") from error
        sheet: Any = openpyxl.load_workbook(io.BytesIO(content), read_only=True).active
        for row in sheet.iter_rows(values_only=True):
            yield str(row[self.mark] or ""), str(row[self.text] or "")


@dataclass(frozen=True, slots=True)
class Aspects:
    """XML-like sentences with rated aspects: 1 good, 2 neutral, 3 bad.

    The mark contains the ratings other than 2. If it contains both, the sentence has no label.
    """

    def read(self, content: bytes) -> Rows:
        """See ``Reader``."""
        for block in re.findall("<sentence>(.*?)</sentence>", decode(content), re.DOTALL):
            text = re.search("<text>(.*?)</text>", block, re.DOTALL)
            if text:
                yield "".join(sorted(set(re.findall(r'polarity="([13])"', block)))), text[1]


@dataclass(frozen=True, slots=True)
class Clone:
    """Files of a public GitHub repository at a commit. A path may contain *.

    ``stars`` or ``labels`` map marks to labels; rows with other marks are left out. Without either, all rows have the
    label ``positive``, or none if it is None. Line N of the file ``marks`` has the marks of comment N, which must be
    equal, as in ``1;1;1;``. ``split`` is written to that column instead of the data set's name. ``blanks`` removes the
    blanks between words. Matches of the regular expression ``cut`` are removed from texts; texts that match
    ``unwanted`` are left out.
    """

    repository: str
    commit: str
    paths: tuple[str, ...]
    reader: Reader
    stars: Mapping[str, int] = field(default_factory=dict)
    labels: Mapping[str, bool | None] = field(default_factory=dict)
    positive: bool | None = None
    split: str = ""
    marks: str = ""
    blanks: bool = False
    cut: str = ""
    unwanted: str = ""

    def commands(self, folder: Path) -> tuple[list[str], list[str]]:
        """Return the two commands that create the clone, without blobs of other commits."""
        place = str(folder / self.repository)
        url = f"https://github.com/{self.repository}"
        clone = ["git", "clone", "--quiet", "--filter=blob:none", "--no-checkout", url, place]
        return clone, ["git", "-C", place, "checkout", "--quiet", "--detach", self.commit]

    def command(self, folder: Path) -> str:
        """Return the shell command that creates the clone."""
        return " && ".join(map(shlex.join, self.commands(folder)))

    def files(self, folder: Path) -> list[Path]:
        """Return the files in ``folder``/OWNER/NAME. Raises UsageError when a path with * matches nothing."""
        place = folder / self.repository
        files: list[Path] = []
        for path in self.paths:
            found = sorted(place.glob(path)) if "*" in path else [place / path]
            if not found:
                raise UsageError(f"No file in {place} matches {path}. {self._hint()}")
            files += found
        return files

    def read(self, path: Path) -> bytes:
        """Return the content of a file. Raises UsageError when it cannot be read."""
        try:
            return path.read_bytes()
        except OSError as error:
            raise UsageError(f"{path} cannot be read: {error.strerror}. {self._hint()}") from error

    def _hint(self) -> str:
        return f"It is in https://github.com/{self.repository} at commit {self.commit}. Check out that commit."

    def clean(self, raw: str) -> str:
        """Return the cleaned text, empty if it is unwanted."""
        if self.unwanted and re.search(self.unwanted, raw):
            return ""
        text = re.sub(self.cut, " ", raw, flags=re.DOTALL) if self.cut else raw
        return clean(text.replace(" ", "") if self.blanks else text)

    def interpret(self, mark: str) -> tuple[bool | None, int]:
        """Return the label and the stars (0 for none) of ``mark``. Raises KeyError for an unknown mark."""
        if self.stars:
            return self.stars[mark] > 3, self.stars[mark]
        return (self.labels[mark] if self.labels else self.positive), 0


def missing(clones: Iterable[Clone], folder: Path) -> list[Clone]:
    """Return one clone per repository that has no folder in ``folder``."""
    absent = {one.repository: one for one in clones if not (folder / one.repository).is_dir()}
    return list(absent.values())


def collect(path: str, clones: Iterable[Clone], folder: Path, output: Path, report: Report) -> int:
    """Write ``output``/``path`` from the ``clones`` in ``folder``/OWNER/NAME. Return the number of comments.

    Duplicates (by digest) and comments with both labels are left out. Raises UsageError when a file is missing.
    """
    kept: dict[str, tuple[str, bool | None, str]] = {}
    conflicting: set[str] = set()
    files = [(clone, file) for clone in clones for file in clone.files(folder)]
    for done, (clone, file) in enumerate(files):
        report(f"collecting {path}", done, len(files))
        for positive, stars, text in _read(clone, file, folder):
            name = clone.split or Path(path).stem
            split = f"{name}_{stars}" if stars else name
            key = digest(text)
            if kept.setdefault(key, (split, positive, text))[1] != positive:
                conflicting.add(key)
    rows = [row for key, row in kept.items() if key not in conflicting]
    _write(output / path, rows)
    report(f"collecting {path}", len(files), len(files))
    return len(rows)


def _read(clone: Clone, path: Path, folder: Path) -> Iterator[tuple[bool | None, int, str]]:
    content = clone.read(path)
    marks = clone.read(folder / clone.repository / clone.marks) if clone.marks else b""
    try:
        yield from _interpreted(clone, content, marks)
    except (ValueError, csv.Error, BadZipFile) as error:
        raise UsageError(f"{path} is not the file at commit {clone.commit}: {error}. Check out that commit.") from error


def _interpreted(clone: Clone, content: bytes, marks: bytes) -> Iterator[tuple[bool | None, int, str]]:
    lines = map(_only_mark, decode(marks).split("\n"))
    for mark, raw in clone.reader.read(content):
        try:
            positive, stars = clone.interpret(next(lines, "") if clone.marks else mark)
        except KeyError:
            continue
        text = clone.clean(raw)
        if HAN.search(text) and len(fold(text)) > 1:
            yield positive, stars, text


def _only_mark(line: str) -> str:
    """Return the mark of a line such as ``1;1;``, or nothing if it has several."""
    found = set(filter(None, line.strip().split(";")))
    return found.pop() if len(found) == 1 else ""


def clean(text: str) -> str:
    """Return ``text`` on one line, without HTML tags and entities."""
    plain = TAG.sub(" ", html.unescape(html.unescape(text)))
    return " ".join(plain.replace("\u200b", "").replace("\ufeff", "").replace("\x00", "").split())


def decode(content: bytes) -> str:
    """Decode ``content`` as UTF-8, or else as GB 18030, which older Chinese files use.

    With a byte order mark it is UTF-8, even if a few bytes are damaged.
    """
    if content.startswith(BOM_UTF8):
        return content.decode("utf-8-sig", "replace")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("gb18030", "replace")


def _write(path: Path, rows: list[tuple[str, bool | None, str]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as stream:
        if path.suffix == ".txt":
            stream.writelines(f"{text}\n" for _, _, text in rows)
            return
        writer = csv.writer(stream, lineterminator="\n")
        if all(positive is None for _, positive, _ in rows):
            writer.writerow(("split", "text"))
            writer.writerows((split, text) for split, _, text in rows)
            return
        writer.writerow(("split", "label", "text"))
        writer.writerows((split, int(bool(positive)), text) for split, positive, text in rows)
