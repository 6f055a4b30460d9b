"""Publish a file of comments: CSV with a header line, or JSON lines; the fields are those of the contract in both.

    python producer_examples/publish_file.py comments.csv --kafka 127.0.0.1:9092 --topic comments

The whole file is checked first, by the parser that will read its events: bad lines are named with their numbers, and
then nothing is published. When Kafka fails midway, run it again: what was published already changes nothing.

The exit status is 0 when every comment was published, 1 when a comment breaks the contract or Kafka fails, 2 when the
file or an option cannot be used, and 130 after Ctrl-C. The file is held in memory.
"""

import argparse
import asyncio
import codecs
import contextlib
import json
import logging
import os
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import rich.progress
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from rich.console import Console

from consumer.connection import client_settings
from consumer.event import CommentEvent, Rejection, parse_value
from liuyan.errors import LiuyanError
from liuyan.terminal import printable

BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",  # Before UTF-16, whose mark it begins with.
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
# Of the characters beyond ASCII, the share that are common in Chinese text where the bytes really are GB18030: nearly
# all. UTF-8 and Big5 that are read as GB18030 show rare characters instead.
CHINESE_SHARE = 0.8
SEPARATORS = ",;\t"
FIELDS = tuple(CommentEvent.model_fields)
REQUIRED = tuple(name for name, field in CommentEvent.model_fields.items() if field.is_required())
LINE_END = re.compile(r"\r\n|\r|\n")
QUOTED = re.compile(r'"([^"]*(?:""[^"]*)*)"')
JSON_ARRAY = re.compile(r"\s*\[\s*[{\]]")
MOST_NAMED = 20
IN_FLIGHT = 1_000  # Enough to be quick, few enough to hold in memory.


class FileError(Exception):
    """The file cannot be used: one sentence that says why, with the line where there is one."""


@dataclass(frozen=True, slots=True)
class Event:
    """What one line or row of the file says; ``line`` is where it begins, from 1."""

    line: int
    value: bytes
    parsed: CommentEvent | Rejection


def read_events(path: Path, encoding: str | None) -> list[Event]:
    """Every event of the file, valid or not. Raises FileError, also when there is none."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise FileError(f"{path} cannot be read: {error.strerror}.") from None
    text = decode(content, encoding)
    if "\0" in text:
        raise FileError(f"line {line_at(text, text.index(chr(0)))}: a NUL character; this is not a file of text.")
    rows = table_values(text) if path.suffix.lower() in (".csv", ".tsv") else json_values(text)
    events = [Event(line, value, parse_value(value)) for line, value in rows]
    if not events:
        raise FileError(f"{path} has no comments: nothing was published.")
    return events


def decode(content: bytes, encoding: str | None) -> str:
    """The text, by ``encoding``, else by its byte order mark, else as UTF-8, else as GB18030 if that is Chinese."""
    if content.startswith(b"PK\x03\x04"):
        raise FileError("This is a workbook or an archive: save the table as CSV in UTF-8.")
    marked = next((name for mark, name in BYTE_ORDER_MARKS.items() if content.startswith(mark)), None)
    if encoding or marked:
        return decode_as(content, str(encoding or marked))
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        with contextlib.suppress(UnicodeDecodeError):
            text = content.decode("gb18030")
            if looks_chinese(text):
                return text
        raise FileError(
            f"line {line_at(content.decode('latin-1'), error.start)}: this is not UTF-8, and the file is not Chinese "
            "text in GB18030; save it as UTF-8, or name its encoding, for example --encoding big5."
        ) from None


def decode_as(content: bytes, encoding: str) -> str:
    try:
        return content.decode(encoding).removeprefix("\ufeff")
    except LookupError:
        raise FileError(f"--encoding {encoding} is not an encoding: try utf-8, gb18030 or big5.") from None
    except UnicodeError as error:
        start = error.start if isinstance(error, UnicodeDecodeError) else 0
        raise FileError(f"line {line_at(content.decode('latin-1'), start)}: this is not {encoding}.") from None


def looks_chinese(text: str) -> bool:
    """Whether what is not ASCII is nearly all common characters and punctuation; emoji do not count."""
    foreign = [character for character in text if "\x7f" < character <= "\uffff"]
    return sum(map(is_common, foreign)) >= CHINESE_SHARE * max(1, len(foreign))


def is_common(character: str) -> bool:
    """Whether GB2312 has it among its punctuation (rows 1 to 3) or its 3,755 common characters (rows 16 to 55)."""
    try:
        row = character.encode("gb2312")[0] - 0xA0
    except UnicodeEncodeError:
        return False
    return row <= 3 or 16 <= row <= 55


def line_at(text: str, position: int) -> int:
    return len(LINE_END.findall(text, 0, position)) + 1


def json_values(text: str) -> Iterator[tuple[int, bytes]]:
    """Each line that is not blank; only a line feed ends one, because U+2028 belongs to a comment.

    Raises FileError for a JSON array.
    """
    if JSON_ARRAY.match(text):
        raise FileError("This is a JSON array: write one object a line (JSON lines).")
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield number, line.strip().encode()


def table_values(text: str) -> Iterator[tuple[int, bytes]]:
    """Each row as JSON: an empty cell is a field left out, and columns that the contract does not know are too."""
    first, separator = 0, next((one for one in SEPARATORS if text.startswith(f"sep={one}")), "")
    if separator:  # The line by which spreadsheets name their separator.
        first = 1
    else:
        head = LINE_END.split(text, 1)[0]
        separator = max(SEPARATORS, key=lambda one: len({name.strip(' "') for name in head.split(one)} & {*FIELDS}))
    rows = parse_table(text, separator)
    heads: list[str] | None = None
    for line, cells in rows:
        if first or not any(cells):
            first = 0
            continue
        if heads is None:
            heads = check_heads([cell.strip() for cell in cells])
            continue
        event = {name: cell for name, cell in zip(heads, cells, strict=False) if cell and name in FIELDS}
        value = json.dumps(event, ensure_ascii=False).encode()
        surplus = cells[len(heads) :]
        # A comma after the last cell does no harm, unless a comma before it moved every cell.
        if any(surplus) or (surplus and isinstance(parse_value(value), Rejection)):
            raise FileError(f"line {line}: more cells than the header has; quote texts that contain {separator!r}.")
        yield line, value


def check_heads(heads: list[str]) -> list[str]:
    """The header, once it names every required field, and none twice."""
    for name in FIELDS:
        if heads.count(name) > 1:
            raise FileError(f"line 1: two columns are named {name}; rename or remove one.")
    missing = [name for name in REQUIRED if name not in heads]
    if missing:
        raise FileError(
            f"line 1: no column is named {' or '.join(missing)}; the header must name {', '.join(REQUIRED)}."
        )
    return heads


def parse_table(text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Line and cells of each row (RFC 4180); a quote begins a quoted cell only at its start.

    Raises FileError for a quote that is never closed, or closed in the middle of a cell, with the line where it opened.
    """
    plain = re.compile(f"[^{separator}\r\n]*")
    position, cell_line, row_line = 0, 1, 1
    cells: list[str] = []
    while position < len(text) or cells:
        if text.startswith('"', position):
            found = QUOTED.match(text, position)
            end = found.end() if found else 0
            if not found or not (end == len(text) or text[end] in f"{separator}\r\n"):
                raise FileError(
                    f"line {cell_line}: the quote that opens a cell here is never closed, or text follows it; put a "
                    "cell that contains quotes in quotes and double each of them."
                )
            cells.append(found[1].replace('""', '"'))
            cell_line += len(LINE_END.findall(found[1]))
        else:
            found = plain.match(text, position)
            end = found.end() if found else position
            cells.append(text[position:end])
        position = end
        if text.startswith(separator, position):
            position += 1
            if position < len(text):
                continue
            cells.append("")
        yield row_line, cells
        ended = LINE_END.match(text, position)
        position = ended.end() if ended else len(text)
        cell_line += 1
        cells, row_line = [], cell_line


def check(events: Sequence[Event]) -> list[tuple[bytes, bytes]]:
    """Key and value of every event; ends the program with the bad ones where there are any."""
    bad = [f"line {event.line}: {event.parsed.detail}" for event in events if isinstance(event.parsed, Rejection)]
    if bad:
        more = [f"and {len(bad) - MOST_NAMED} more"] if len(bad) > MOST_NAMED else []
        end(1, *bad[:MOST_NAMED], *more, f"{len(bad)} of {len(events)} lines are bad: nothing was published.")
    return [(event.parsed.key.encode(), event.value) for event in events if isinstance(event.parsed, CommentEvent)]


async def publish(records: Sequence[tuple[bytes, bytes]], kafka: str, topic: str) -> None:
    """Publish every event and see it acknowledged; ends the program where Kafka fails."""
    acknowledged, waiting = 0, []
    producer = AIOKafkaProducer(**client_settings(kafka), enable_idempotence=True, acks="all")
    try:
        await producer.start()
        for key, value in rich.progress.track(records, "Publishing", console=Console(stderr=True)):
            waiting.append(await producer.send(topic, value, key=key))
            if len(waiting) == IN_FLIGHT:
                acknowledged, waiting = acknowledged + len(await asyncio.gather(*waiting)), []
        acknowledged += len(await asyncio.gather(*waiting))
    except (KafkaError, OSError, OverflowError, ValueError) as error:
        end(1, f"Kafka failed after {acknowledged} of {len(records)} events, run this again when it works: {error}")
    finally:
        await producer.stop()


def end(status: int, *lines: str) -> NoReturn:
    for line in lines:
        print(printable(line), file=sys.stderr)
    sys.exit(status)


def main() -> None:
    """Check and publish the file that the command line names."""
    parser = argparse.ArgumentParser(description="Publish a file of comments, CSV or JSON lines.")
    parser.add_argument("file", type=Path, help="FILE.csv or FILE.tsv, or JSON lines under any other name")
    parser.add_argument("--kafka", default="127.0.0.1:9092", help="bootstrap servers, as host:port")
    parser.add_argument("--topic", default="comments", help="topic to publish to")
    parser.add_argument("--encoding", help="the file's encoding; found out by default: UTF-8, UTF-16 or GB18030")
    options = parser.parse_args()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # What fails is raised, and reported once.
    try:
        records = check(read_events(options.file, options.encoding))
        asyncio.run(publish(records, options.kafka, options.topic))
        print(f"published {len(records)} events", flush=True)
    except FileError as error:
        end(2, f"{error}")
    except LiuyanError as error:
        end(error.exit_status, f"{error}")
    except KeyboardInterrupt:
        end(130, "Stopped. Run this again to publish the rest: what was published already changes nothing.")
    except OSError as error:  # Standard output is closed or full; Python would try to write once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        end(1, f"Everything was published, but the last line could not be written: {error.strerror}.")


if __name__ == "__main__":
    main()
