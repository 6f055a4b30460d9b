"""Publish a file of comments: CSV with a header line, or JSON Lines. The fields are those of the contract.

    python publish_file.py comments.csv --kafka 127.0.0.1:9092 --topic comments

It checks the whole file first; if lines break the contract, it reports them and publishes nothing. If Kafka fails, run
it again: events that were published already change nothing. The file is held in memory.

Exit status: 0 if all comments were published, 1 if a comment breaks the contract or Kafka fails, 2 if the file or an
option is invalid, 130 after Ctrl-C.
"""

import argparse
import asyncio
import codecs
import contextlib
import json
import logging
import os
import re
import ssl
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

# The contract: required and optional fields, and the most characters of each.
REQUIRED = ("platform", "id", "text", "created_at")
FIELDS = (*REQUIRED, "edited_at", "author", "thread")
LENGTHS = {"platform": 32, "id": 128, "text": 10_000, "author": 128, "thread": 256}
MAXIMUM_BYTES = 1024 * 1024
MAXIMUM_DEPTH = 32
TIME = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt]([0-9]{2}:[0-9]{2}):([0-9]{2})(?:\.([0-9]+))?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)

BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",  # Before UTF-16, because it starts with UTF-16's mark.
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
# In Chinese text nearly all non-ASCII characters are common ones. UTF-8 and Big5 read as GB18030 give rare characters.
CHINESE_SHARE = 0.8
SEPARATORS = ",;\t"
LINE_END = re.compile(r"\r\n|\r|\n")
QUOTED = re.compile(r'"([^"]*(?:""[^"]*)*)"')
JSON_ARRAY = re.compile(r"\s*\[\s*[{\]]")
REPORTED_LINES = 20
IN_FLIGHT = 1_000  # Events sent before waiting for their acknowledgements.


class FileError(Exception):
    """The file cannot be used; the message is one sentence, with the line if there is one."""


class EventError(Exception):
    """An event breaks the contract; the message says why."""


@dataclass(frozen=True, slots=True)
class Event:
    """An event of the file: its first line, from 1, its value, and its fields or the error."""

    line: int
    value: bytes
    fields: dict[str, Any] | None
    error: str = ""


def read_events(path: Path, encoding: str | None) -> list[Event]:
    """Return all events of the file, valid or not. Raises FileError, also if there are none."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise FileError(f"Cannot read {path}: {error.strerror}.") from None
    text = decode(content, encoding)
    if "\0" in text:
        raise FileError(f"line {line_at(text, text.index(chr(0)))}: contains a NUL character; this is not a text file.")
    rows = table_values(text) if path.suffix.lower() in (".csv", ".tsv") else json_values(text)
    events = [read_event(line, value) for line, value in rows]
    if not events:
        raise FileError(f"{path} has no comments; nothing was published.")
    return events


def read_event(line: int, value: bytes) -> Event:
    try:
        return Event(line, value, parse_event(value))
    except EventError as error:
        return Event(line, value, None, str(error))


def parse_event(value: bytes) -> dict[str, Any]:
    """Return the fields of an event. Raises EventError if it breaks the contract."""
    if len(value) > MAXIMUM_BYTES:
        raise EventError(f"the event has {len(value)} bytes; the maximum is {MAXIMUM_BYTES}")
    try:
        # No field is a number, and Python refuses integers of more than 4,300 digits: read them as floats.
        fields = json.loads(
            value.decode(), object_pairs_hook=unique_keys, parse_constant=reject_constant, parse_int=float
        )
    except json.JSONDecodeError as error:
        message = error.msg.removesuffix(" at")
        raise EventError(f"the value is not JSON: {message} at character {error.pos + 1}") from None
    except RecursionError:
        raise EventError(f"the value is nested deeper than {MAXIMUM_DEPTH} levels") from None
    if not isinstance(fields, dict):
        raise EventError("the value is JSON but not an object")
    check_nesting(fields)
    try:
        json.dumps(fields, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise EventError("the value contains half of a surrogate pair") from None
    for name in FIELDS:
        if name in REQUIRED or fields.get(name) is not None:
            check_field(name, fields)
    if fields.get("edited_at") is not None and time_of("edited_at", fields) < time_of("created_at", fields):
        raise EventError("edited_at is before created_at")
    return fields


def unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        names = [name for name, _ in pairs]
        duplicate = next(name for name in fields if names.count(name) > 1)
        raise EventError(f"an object has the key {duplicate[:64]!r} more than once")
    return fields


def reject_constant(name: str) -> None:
    raise EventError(f"{name} is not JSON")


def check_nesting(fields: dict[str, Any]) -> None:
    level: list[Any] = [fields]
    for _ in range(MAXIMUM_DEPTH):
        children = (child for one in level for child in (one.values() if isinstance(one, dict) else one))
        level = [child for child in children if isinstance(child, dict | list)]
    if level:
        raise EventError(f"the value is nested deeper than {MAXIMUM_DEPTH} levels")


def check_field(name: str, fields: dict[str, Any]) -> None:
    if name not in fields:
        raise EventError(f"field {name}: is missing")
    if name not in LENGTHS:
        time_of(name, fields)
        return
    text, length = fields[name], LENGTHS[name]
    if not isinstance(text, str):
        raise EventError(f"field {name}: must be a string")
    if not text and name in REQUIRED:
        raise EventError(f"field {name}: must not be empty")
    if len(text) > length:
        raise EventError(f"field {name}: must have at most {length} characters")
    if "\0" in text:
        raise EventError(f"field {name}: must not contain NUL")
    if name == "platform" and not re.fullmatch("[a-z0-9_-]+", text):
        raise EventError("field platform: must consist of lowercase letters, digits, _ and -")


def time_of(name: str, fields: dict[str, Any]) -> datetime:
    match = TIME.fullmatch(fields[name]) if isinstance(fields[name], str) else None
    if match is None:
        raise EventError(f"field {name}: must be an RFC 3339 time with offset, such as 2026-01-31T08:15:00+08:00")
    day, minute, second, fraction, offset = match.groups()
    leap = second == "60" and minute.endswith(":59")  # Python has no leap seconds: use the following second.
    text = f"{day}T{minute}:{'59' if leap else second}.{(fraction or '')[:6]:0<6}{offset.upper()}"
    try:
        return datetime.fromisoformat(text).astimezone(UTC) + timedelta(seconds=leap)
    except (ValueError, OverflowError):
        raise EventError(f"field {name}: must be an existing time in the years 1 to 9999 in UTC") from None


def decode(content: bytes, encoding: str | None) -> str:
    """Decode by ``encoding``, byte order mark, as UTF-8, or as GB18030 if the result is Chinese."""
    if content.startswith(b"PK\x03\x04"):
        raise FileError("This is a workbook or an archive. Save the table as CSV in UTF-8.")
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
        line = line_at(content.decode("latin-1"), error.start)
        raise FileError(
            f"line {line}: is not UTF-8, and the file is not Chinese in GB18030. Save it as UTF-8 or specify its "
            "encoding, for example --encoding big5."
        ) from None


def decode_as(content: bytes, encoding: str) -> str:
    try:
        return content.decode(encoding).removeprefix("\ufeff")
    except LookupError:
        raise FileError(f"Unknown --encoding {encoding}. Use utf-8, gb18030 or big5, for example.") from None
    except UnicodeError as error:
        start = error.start if isinstance(error, UnicodeDecodeError) else 0
        raise FileError(f"line {line_at(content.decode('latin-1'), start)}: is not {encoding}.") from None


def looks_chinese(text: str) -> bool:
    """Return whether nearly all non-ASCII characters, without emoji, are common in Chinese."""
    foreign = [character for character in text if "\x7f" < character <= "\uffff"]
    return sum(map(is_common, foreign)) >= CHINESE_SHARE * max(1, len(foreign))


def is_common(character: str) -> bool:
    """Return whether GB2312 has it as punctuation (rows 1 to 3) or among 3,755 common characters (rows 16 to 55)."""
    try:
        row = character.encode("gb2312")[0] - 0xA0
    except UnicodeEncodeError:
        return False
    return row <= 3 or 16 <= row <= 55


def line_at(text: str, position: int) -> int:
    return len(LINE_END.findall(text, 0, position)) + 1


def json_values(text: str) -> Iterator[tuple[int, bytes]]:
    """Yield number and value of each line that is not blank; only a line feed ends a line, not U+2028.

    Raises FileError for a JSON array.
    """
    if JSON_ARRAY.match(text):
        raise FileError("This is a JSON array. Write one object per line (JSON Lines).")
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield number, line.strip().encode()


def table_values(text: str) -> Iterator[tuple[int, bytes]]:
    """Yield line and JSON value of each row, without empty cells and unknown columns."""
    declared = next((one for one in SEPARATORS if text.startswith(f"sep={one}")), "")
    header = LINE_END.split(text, 1)[0]
    separator = declared or max(
        SEPARATORS, key=lambda one: len({name.strip(' "') for name in header.split(one)} & {*FIELDS})
    )
    rows = parse_table(text, separator)
    if declared:  # Spreadsheets can declare their separator in the first line.
        next(rows, None)
    names: list[str] | None = None
    for line, cells in rows:
        if not any(cells):
            continue
        if names is None:
            names = check_header([cell.strip() for cell in cells])
            continue
        event = {name: cell for name, cell in zip(names, cells, strict=False) if cell and name in FIELDS}
        value = json.dumps(event, ensure_ascii=False).encode()
        surplus = cells[len(names) :]
        # An additional comma is harmless at the end of a row, but inside the row it moves all cells.
        if any(surplus) or (surplus and read_event(line, value).error):
            raise FileError(f"line {line}: has more cells than the header; quote texts that contain {separator!r}.")
        yield line, value


def check_header(names: list[str]) -> list[str]:
    """Return the header if it has every required column and no duplicates. Raises FileError."""
    for name in FIELDS:
        if names.count(name) > 1:
            raise FileError(f"line 1: two columns are named {name}; rename or remove one.")
    missing = [name for name in REQUIRED if name not in names]
    if missing:
        raise FileError(f"line 1: the header has no {', '.join(missing)}; it must have {', '.join(REQUIRED)}.")
    return names


def parse_table(text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Yield line and cells of each row (RFC 4180); a quote is special only at the start of a cell.

    Raises FileError for a quote that is not closed at the end of its cell, with the line where it opens.
    """
    plain = re.compile(f"[^{separator}\r\n]*")
    position, cell_line, row_line = 0, 1, 1
    cells: list[str] = []
    while position < len(text) or cells:
        if text.startswith('"', position):
            match = QUOTED.match(text, position)
            end = match.end() if match else 0
            if not match or not (end == len(text) or text[end] in f"{separator}\r\n"):
                raise FileError(
                    f"line {cell_line}: a quote that opens here is not closed at the end of its cell; put a cell that "
                    "contains quotes in quotes and double them."
                )
            cells.append(match[1].replace('""', '"'))
            cell_line += len(LINE_END.findall(match[1]))
        else:
            match = plain.match(text, position)
            end = match.end() if match else position
            cells.append(text[position:end])
        position = end
        if text.startswith(separator, position):
            position += 1
            if position < len(text):
                continue
            cells.append("")
        yield row_line, cells
        line_end = LINE_END.match(text, position)
        position = line_end.end() if line_end else len(text)
        cell_line += 1
        cells, row_line = [], cell_line


def check(events: Sequence[Event]) -> list[tuple[bytes, bytes]]:
    """Return key and value of every event; exit with a report if events are invalid."""
    invalid = [f"line {event.line}: {event.error}" for event in events if event.error]
    if invalid:
        more = [f"and {len(invalid) - REPORTED_LINES} more"] if len(invalid) > REPORTED_LINES else []
        summary = f"{len(invalid)} of {len(events)} events are invalid; nothing was published."
        fail(1, *invalid[:REPORTED_LINES], *more, summary)
    return [(f"{one.fields['platform']}:{one.fields['id']}".encode(), one.value) for one in events if one.fields]


def security() -> dict[str, Any]:
    """Return aiokafka's settings for TLS and SCRAM if KAFKA_USERNAME is set, otherwise for plaintext."""
    if "KAFKA_USERNAME" not in os.environ:
        return {}
    ca_file, password = os.environ.get("KAFKA_CA_FILE"), os.environ.get("KAFKA_PASSWORD")
    if password is None:
        fail(2, "KAFKA_USERNAME is set. Also set KAFKA_PASSWORD.")
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        fail(2, f"Cannot use KAFKA_CA_FILE {ca_file}: {error.strerror or error}.")
    sasl = {"sasl_mechanism": "SCRAM-SHA-512", "sasl_plain_username": os.environ["KAFKA_USERNAME"]}
    return {"security_protocol": "SASL_SSL", "ssl_context": context, **sasl, "sasl_plain_password": password}


async def publish(records: Sequence[tuple[bytes, bytes]], kafka: str, topic: str) -> None:
    """Publish all events and wait for their acknowledgements; exit if Kafka fails."""
    acknowledged = 0
    producer = AIOKafkaProducer(bootstrap_servers=kafka, **security(), enable_idempotence=True, acks="all")
    try:
        await producer.start()
        for start in range(0, len(records), IN_FLIGHT):
            batch = records[start : start + IN_FLIGHT]
            await asyncio.gather(*[await producer.send(topic, value, key=key) for key, value in batch])
            acknowledged += len(batch)
            if sys.stderr.isatty():
                line_end = "\n" if acknowledged == len(records) else ""
                print(f"\rpublished {acknowledged} of {len(records)} events", end=line_end, file=sys.stderr)
    except (KafkaError, OSError, OverflowError, ValueError) as error:
        fail(1, f"Kafka failed after {acknowledged} of {len(records)} events; run this again when it works: {error}")
    finally:
        await producer.stop()


def fail(status: int, *lines: str) -> NoReturn:
    """Print lines to standard error, with control characters escaped, and exit."""
    for line in lines:
        escaped = (one if one.isprintable() else one.encode("unicode_escape").decode() for one in line)
        print("".join(escaped), file=sys.stderr)
    sys.exit(status)


def main() -> None:
    """Check and publish the file on the command line."""
    parser = argparse.ArgumentParser(description="Publish a file of comments, CSV or JSON Lines.")
    parser.add_argument("file", type=Path, help="FILE.csv or FILE.tsv, or JSON Lines with any other name")
    parser.add_argument("--kafka", default="127.0.0.1:9092", help="bootstrap servers, as host:port")
    parser.add_argument("--topic", default="comments", help="topic to publish to")
    parser.add_argument("--encoding", help="the file's encoding; default: detect UTF-8, UTF-16 or GB18030")
    options = parser.parse_args()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # Errors are raised and reported once.
    try:
        records = check(read_events(options.file, options.encoding))
        asyncio.run(publish(records, options.kafka, options.topic))
        print(f"published {len(records)} events", flush=True)
    except FileError as error:
        fail(2, str(error))
    except KeyboardInterrupt:
        fail(130, "Stopped. Run this again to publish the rest; events that were published already change nothing.")
    except OSError as error:  # Standard output is closed or full; prevent Python from writing to it again on exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        fail(1, f"All events were published, but the last line could not be written: {error.strerror}.")


if __name__ == "__main__":
    main()
