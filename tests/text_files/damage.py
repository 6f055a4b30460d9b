"""Generate twenty realistic files and damage them as copying, editing and truncation do; deterministic for a seed."""

import csv
import io
import json
import random
from collections.abc import Callable, Iterator

from tests.file_cases import HEADER, TIME
from tests.text_files.exports import COMMENTS, EXPORTS

Damage = Callable[[bytes, random.Random], bytes]
AWKWARD = ("两行\n评论", '他说"很好"', "逗号, 分号; 制表\t", "👍👍", " 空格 ", "=1+1", "")
# Bytes that break readers: quotes, separators, line ends, partial characters, byte order marks.
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
    """Return name and content of twenty files."""
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
    """Yield ``count`` files, each damaged one to three times."""
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
    position = chance.randrange(len(content) + 1)
    return content[:position] + chance.choice(PIECES) + content[position:]


def _delete(content: bytes, chance: random.Random) -> bytes:
    position = chance.randrange(len(content) + 1)
    return content[:position] + content[position + chance.choice((1, 2, 3, 40)) :]


def _change(content: bytes, chance: random.Random) -> bytes:
    position = chance.randrange(len(content) + 1)
    return content[:position] + bytes([chance.randrange(256)]) + content[position + 1 :]


def _repeat(content: bytes, chance: random.Random) -> bytes:
    position = chance.randrange(len(content) + 1)
    return content[:position] + content[position : position + chance.randrange(200)] + content[position:]


def _other_line_ends(content: bytes, chance: random.Random) -> bytes:
    return content.replace(b"\n", chance.choice((b"\r\n", b"\r", b"\n\n", b",\n")))


def _open_quote(content: bytes, chance: random.Random) -> bytes:
    """Insert a quote at the start of a cell, after which a lenient reader loses rows."""
    separators = [position for position, byte in enumerate(content) if byte in b",;\t\n"] or [0]
    position = chance.choice(separators) + 1
    return content[:position] + b'"' + content[position:]


def _other_encoding(content: bytes, chance: random.Random) -> bytes:
    """Encode the second half differently."""
    half = len(content) // 2
    rest = content[half:].decode("utf-8", "ignore").encode(chance.choice(("gb18030", "big5", "utf-16")), "ignore")
    return content[:half] + rest


DAMAGES: tuple[Damage, ...] = (
    *(_cut, _insert, _insert, _delete, _change, _repeat, _other_line_ends, _open_quote, _open_quote),
    _other_encoding,
)


def _csv(rows: list[list[str]], separator: str = ",") -> str:
    output = io.StringIO(newline="")
    csv.writer(output, delimiter=separator).writerows(rows)
    return output.getvalue()


def _json_lines(names: list[str], rows: list[list[str]]) -> bytes:
    lines = (json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False) for row in rows)
    return "".join(f"{line}\n" for line in lines).encode()
