"""Detect a file's encoding: declared, byte order mark, UTF-8, or GB18030 if the result reads like Chinese.

UTF-8 and Big5 bytes may also be valid GB18030, but decode to rare characters. So GB18030 is accepted only if most
characters are common; docs/decisions/comment-file-reader.md has measurements.
"""

import codecs
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from liuyan.text_files.errors import TextFileError

CHUNK = 1 << 20
# Number of bytes at the start of a file on which the decision for GB18030 is based.
JUDGED = 1 << 20
UTF_8, GB18030 = "utf-8-sig", "gb18030"
MARKS = (
    (codecs.BOM_UTF8, UTF_8),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Codecs for declared encodings, by Python's name: the widest of a family, as in browsers.
DECLARED = {name: name for name in ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "euc_jp", "shift_jis", "cp1252")}
DECLARED |= {"utf-8": UTF_8, "utf-8-sig": UTF_8, "ascii": "ascii", "euc_kr": "cp949", "cp949": "cp949"}
DECLARED |= dict.fromkeys(("gb18030", "gbk", "gb2312", "cp936"), GB18030)
DECLARED |= dict.fromkeys(("big5", "big5hkscs", "cp950"), "big5hkscs")
DECLARED |= {"cp932": "cp932", "iso8859-1": "cp1252"}
WORKBOOK = b"PK\x03\x04"

# GB2312 level 1: the 3,755 most common characters. Big5 and truncated UTF-8 rarely decode to them.
COMMON = frozenset(
    bytes((row, cell)).decode("gb2312")
    for row in range(0xB0, 0xD8)
    for cell in range(0xA1, 0xFA if row == 0xD7 else 0xFF)
)
PUNCTUATION = frozenset("，。！？、；：“”‘’（）《》〈〉【】「」『』…—～·￥％×→★☆●○■□◆△▽※℃〇\u3000")
COMMON_SHARE = 0.7
# Half of the Korean syllables in EUC-KR decode to common characters in GB18030, but rarely to these.
FREQUENT = frozenset(
    "的不是了一有好很我人这个还就在也到大来都看没上以可要用多时么小下能天点得说后去你为心家过感会和出次真服里常比间买太吃觉们本想非发然生地果面最那但店方度品美对电快水实价给行之样手书喜什意分而车只"
)
FREQUENT_SHARE = 0.08
ENOUGH = 40


@dataclass(frozen=True, slots=True)
class Fault:
    """The first bytes that a codec cannot decode.

    ``line`` is their line, ``at_end`` whether the file ends there, and ``beyond_ascii`` whether non-ASCII characters
    precede them.
    """

    line: int
    at_end: bool
    beyond_ascii: bool


def find_encoding(stream: BinaryIO, declared: str | None) -> str:
    """Return the codec that decodes all of ``stream`` (seekable). Raises TextFileError."""
    start = _start(stream)
    if start.startswith(WORKBOOK):
        raise TextFileError("This is an Excel workbook or another ZIP file: save the table as CSV, in UTF-8.")
    marked = next((codec for mark, codec in MARKS if start.startswith(mark)), None)
    if declared is not None:
        return _check_declared(stream, declared, marked)
    if marked is not None:
        if fault := first_fault(stream, marked):
            raise _of_fault(fault, marked)
        return marked
    return _guess(stream)


def reads_like_chinese(text: str) -> bool:
    """Return whether text decoded as GB18030 is plausible; pure ASCII is."""
    written = [character for character in text if not character.isascii() and not _is_neutral(character)]
    common = [character for character in written if character in COMMON]
    known = len(common) + sum(character in PUNCTUATION or "！" <= character <= "～" for character in written)
    if known < COMMON_SHARE * len(written):
        return False
    return len(common) < ENOUGH or sum(map(FREQUENT.__contains__, common)) >= FREQUENT_SHARE * len(common)


def first_fault(stream: BinaryIO, codec: str) -> Fault | None:
    """Return the first bytes that ``codec`` cannot decode; None if it decodes all of ``stream``."""
    decoder = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder(codec)("strict"), translate=True)
    line, beyond_ascii = 1, False
    chunks = _chunks(stream)
    at_end = False
    try:
        for chunk in chunks:
            text = decoder.decode(chunk)
            line += text.count("\n")
            beyond_ascii = beyond_ascii or not text.isascii()
        at_end = True
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        read = error.object[: error.start].decode(codec, "replace")
        line += read.replace("\r\n", "\n").replace("\r", "\n").count("\n")
        return Fault(line, at_end, beyond_ascii or not read.isascii())
    return None


def known_encoding(name: str) -> str:
    """Return the codec for a declared encoding. Raises TextFileError if it is unknown or not a text encoding."""
    try:
        return DECLARED[codecs.lookup(name.strip()).name]
    except (LookupError, ValueError):  # A name with NUL raises ValueError.
        raise TextFileError(
            "The declared encoding %(encoding)s is unknown: name one such as utf-8, gb18030, big5 or utf-16.",
            encoding=ascii(name),
        ) from None


def _check_declared(stream: BinaryIO, declared: str, marked: str | None) -> str:
    codec = known_encoding(declared)
    if marked is not None and not marked.startswith(codec[:6]):
        raise TextFileError(
            "The declared encoding is %(encoding)s, but the file begins with the byte order mark of %(other)s: "
            "declare that, or nothing.",
            encoding=declared.strip().lower(),
            other=label_of(marked),
        )
    if fault := first_fault(stream, codec):
        raise TextFileError(
            "Line %(line)s cannot be read in the declared encoding %(encoding)s: declare the one it is written in.",
            line=fault.line,
            encoding=declared.strip().lower(),
        )
    if not codec.startswith("utf") and not _is_ascii(stream) and first_fault(stream, UTF_8) is None:
        raise TextFileError(
            "The declared encoding is %(encoding)s, but the file is in UTF-8: declare utf-8, or nothing.",
            encoding=declared.strip().lower(),
        )
    return codec


def _guess(stream: BinaryIO) -> str:
    """Return UTF-8, or GB18030 if the result reads like Chinese."""
    fault = first_fault(stream, UTF_8)
    if fault is None:
        return UTF_8
    if fault.at_end and fault.beyond_ascii:
        raise _of_fault(fault, UTF_8)
    other = first_fault(stream, GB18030)
    if other is None and reads_like_chinese(_beginning(stream, GB18030)):
        return GB18030
    if fault.at_end:
        raise _of_fault(fault, UTF_8)
    if other and other.at_end and other.beyond_ascii and reads_like_chinese(_beginning(stream, GB18030)):
        raise _of_fault(other, GB18030)
    if other is None:
        raise TextFileError(
            "The encoding is unknown. Tried: UTF-8, which line %(line)s is not; GB18030, as which it does not read "
            "like Chinese.",
            needs="encoding",
            line=fault.line,
        )
    raise TextFileError(
        "The encoding is unknown. Tried: UTF-8, which line %(line)s is not; GB18030, which line %(other)s is not.",
        needs="encoding",
        line=fault.line,
        other=other.line,
    )


def _of_fault(fault: Fault, codec: str) -> TextFileError:
    if fault.at_end:
        return TextFileError(
            "The file is %(encoding)s and ends in the middle of a character in line %(line)s: it is incomplete, "
            "download it again.",
            encoding=label_of(codec),
            line=fault.line,
        )
    return TextFileError(
        "Line %(line)s is not %(encoding)s, although the file begins with its byte order mark: save it again.",
        encoding=label_of(codec),
        line=fault.line,
    )


def label_of(codec: str) -> str:
    """Return the encoding's name for messages."""
    return "UTF-8" if codec == UTF_8 else codec.upper().replace("BIG5HKSCS", "Big5")


def _is_neutral(character: str) -> bool:
    """Return whether a character is an emoji or part of one, which says nothing about the encoding."""
    return character >= "\U00010000" or "\u2600" <= character <= "\u27bf" or character in "\ufe0f\u200d\u200b"


def _is_ascii(stream: BinaryIO) -> bool:
    return all(chunk.isascii() for chunk in _chunks(stream))


def _beginning(stream: BinaryIO, codec: str) -> str:
    stream.seek(0)
    return codecs.getincrementaldecoder(codec)("strict").decode(stream.read(JUDGED))


def _start(stream: BinaryIO) -> bytes:
    stream.seek(0)
    return stream.read(4)


def _chunks(stream: BinaryIO) -> Iterator[bytes]:
    stream.seek(0)
    while chunk := stream.read(CHUNK):
        yield chunk


def decoded_lines(stream: BinaryIO, declared: str | None) -> Iterator[str]:
    """Yield lines without line ends as they arrive on a stream that is not seekable.

    The encoding is the declared one, that of a byte order mark, or UTF-8; it is not guessed. Raises TextFileError.
    """
    codec = None if declared is None else known_encoding(declared)
    start = stream.readline()
    marked = next((found for mark, found in MARKS if start.startswith(mark)), None)
    decoder = codecs.getincrementaldecoder(codec or marked or UTF_8)("strict")
    rest, number = "", 1
    chunk = start
    try:
        while chunk:
            *lines, rest = (rest + decoder.decode(chunk)).split("\n")
            for line in lines:
                yield line.removesuffix("\r")
            number += len(lines)
            chunk = stream.readline()
        rest += decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        raise TextFileError(
            "Line %(line)s is not %(encoding)s.",
            needs="encoding",
            line=number,
            encoding=label_of(codec or marked or UTF_8),
        ) from None
    if rest:
        yield rest.removesuffix("\r")
