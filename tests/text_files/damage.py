"""Twenty realistic files, and ways in which copying, editing and cutting damages them; the same ones for each seed."""

import csv
import io
import json
import random
from collections.abc import Callable, Iterator

from tests.file_cases import HEADER, TIME
from tests.text_files.exports import COMMENTS, EXPORTS

Damage = Callable[[bytes, random.Random], bytes]
AWKWARD = ("两行\n评论", '他说"很好"', "逗号, 分号; 制表\t", "👍👍", " 空格 ", "=1+1", "")
# What breaks readers: quotes, separators, ends of lines, halves of characters, marks.
PIECES: tuple[bytes, ...] = (
    b'"',
    b'""',
    b'",',
    b',"',
    b",",
    b";",
    b"\t",
    b"\n",
    b"\r",
    b"\r\n",
    b"\0",
    b"\\",
    b"\xff",
    b"\xe5\xa5",
)
PIECES += (b"\xef\xbb\xbf", b"{", b"}", b"\\ud83d", b"NaN", b"\xb0\xa1", "好".encode(), b"sep=;\n")


def realistic_files() -> list[tuple[str, bytes]]:
    """Name and content of twenty files."""
    files = [(f"{export.name}.csv", export.text().encode(export.encoding)) for export in EXPORTS]
    texts = [*COMMENTS[:8], *AWKWARD]
    published = [["shop", str(number), text or "空", TIME] for number, text in enumerate(texts)]
    files.append(("contract.csv", _csv([HEADER.split(","), *published]).encode("utf-8-sig")))
    reviews = [[text, ("positive", "negative", "unclear")[number % 3]] for number, text in enumerate(texts)]
    files.append(("reviews.csv", _csv([["text", "label"], *reviews]).encode("utf-16")))
    files.append(("contract.jsonl", _json_lines(HEADER.split(","), published)))
    files.append(("reviews.jsonl", _json_lines(["text", "label"], reviews)))
    files.append(("excel.csv", ("sep=;\r\n" + _csv([["评论", "标签"], *reviews], ";")).encode("gb18030")))
    return files


def damaged_files(count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """So many files, each damaged one to three times."""
    chance = random.Random(seed)
    files = realistic_files()
    for number in range(count):
        name, content = files[number % len(files)]
        for _ in range(chance.randint(1, 3)):
            content = chance.choice(DAMAGES)(content, chance)
        yield name, content


def _cut(content: bytes, chance: random.Random) -> bytes:
    return content[: chance.randrange(len(content) + 1)]


def _insert(content: bytes, chance: random.Random) -> bytes:
    place = chance.randrange(len(content) + 1)
    return content[:place] + chance.choice(PIECES) + content[place:]


def _delete(content: bytes, chance: random.Random) -> bytes:
    place = chance.randrange(len(content) + 1)
    return content[:place] + content[place + chance.choice((1, 2, 3, 40)) :]


def _change(content: bytes, chance: random.Random) -> bytes:
    place = chance.randrange(len(content) + 1)
    return content[:place] + bytes([chance.randrange(256)]) + content[place + 1 :]


def _repeat(content: bytes, chance: random.Random) -> bytes:
    place = chance.randrange(len(content) + 1)
    return content[:place] + content[place : place + chance.randrange(200)] + content[place:]


def _other_line_ends(content: bytes, chance: random.Random) -> bytes:
    return content.replace(b"\n", chance.choice((b"\r\n", b"\r", b"\n\n", b",\n")))


def _quote_a_place(content: bytes, chance: random.Random) -> bytes:
    """A quote at the beginning of a cell: the fault that made rows disappear."""
    places = [place for place, byte in enumerate(content) if byte in b",;\t\n"] or [0]
    place = chance.choice(places) + 1
    return content[:place] + b'"' + content[place:]


def _other_encoding(content: bytes, chance: random.Random) -> bytes:
    """A file pasted together from two encodings."""
    half = len(content) // 2
    rest = content[half:].decode("utf-8", "ignore").encode(chance.choice(("gb18030", "big5", "utf-16")), "ignore")
    return content[:half] + rest


DAMAGES: tuple[Damage, ...] = (
    *(_cut, _insert, _insert, _delete, _change, _repeat, _other_line_ends, _quote_a_place, _quote_a_place),
    _other_encoding,
)


def _csv(rows: list[list[str]], separator: str = ",") -> str:
    written = io.StringIO(newline="")
    csv.writer(written, delimiter=separator).writerows(rows)
    return written.getvalue()


def _json_lines(names: list[str], rows: list[list[str]]) -> bytes:
    lines = (json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False) for row in rows)
    return "".join(f"{line}\n" for line in lines).encode()
