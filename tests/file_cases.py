"""Typical and broken files with the expected result, shared by the tests of all programs that read files.

Every file has the columns of the contract, so that it can be both labelled and published. Comments are fictional.
"""

from dataclasses import dataclass

HEADER = "platform,id,text,created_at"
TIME = "2026-01-31T08:15:00+08:00"
GOOD, BAD, PLAIN = "物流很快，包装也好 👍", "客服一直不回复，再也不来了", "还可以，没有想象中好"


@dataclass(frozen=True, slots=True)
class FileCase:
    """A file and the expected result.

    ``texts`` are the comments in order; None if the file is rejected with one sentence that contains each of ``says``
    and, if ``line`` is given, "line N" with that physical line, from 1.
    """

    name: str
    content: bytes
    texts: tuple[str, ...] | None
    line: int | None = None
    says: tuple[str, ...] = ()


def row(number: int, text: str, separator: str = ",") -> str:
    """Return a row with the contract's columns; ``text`` is inserted unchanged."""
    return separator.join(("shop", str(number), text, TIME))


def table(*texts: str, header: str = HEADER, end: str = "\n") -> str:
    """Return a CSV file with these cells as texts and line ends ``end``."""
    return end.join([header, *(row(number, text) for number, text in enumerate(texts, 1)), ""])


def lines(*texts: str, end: str = "\n") -> str:
    """Return JSON Lines with these texts, each the content of a JSON string."""
    template = '{{"platform":"shop","id":"{}","text":"{}","created_at":"{}"}}'
    return end.join([*(template.format(number, text, TIME) for number, text in enumerate(texts, 1)), ""])


BOTH = (GOOD, BAD)
LONG = "<p>" * 50_000
ELEVEN = tuple(f"第{number}条，{PLAIN}" for number in range(1, 12))

READABLE = (
    FileCase("plain.csv", table(GOOD, BAD).encode(), BOTH),
    FileCase("byte-order-mark.csv", table(GOOD, BAD).encode("utf-8-sig"), BOTH),
    FileCase("crlf.csv", table(GOOD, BAD, end="\r\n").encode(), BOTH),
    FileCase("old-mac.csv", table(GOOD, BAD, end="\r").encode(), BOTH),
    FileCase("no-last-line-end.csv", table(GOOD, BAD).rstrip("\n").encode(), BOTH),
    FileCase("blank-lines.csv", (table(GOOD).replace("\n", "\n\n") + row(2, BAD) + "\n\n\n").encode(), BOTH),
    FileCase("quoted-newline.csv", table('"两行\n评论, 有逗号"', BAD).encode(), ("两行\n评论, 有逗号", BAD)),
    FileCase("doubled-quote.csv", table('"他说""很好"""', BAD).encode(), ('他说"很好"', BAD)),
    FileCase("quote-inside.csv", table('屏幕5.5"，很清楚', BAD).encode(), ('屏幕5.5"，很清楚', BAD)),
    FileCase(
        "pandas-index.csv",
        f",{HEADER}\n0,{row(1, GOOD)}\n1,{row(2, BAD)}\n".encode(),
        BOTH,
    ),
    FileCase("trailing-comma.csv", f"{HEADER}\n{row(1, GOOD)},\n{row(2, BAD)},,\n".encode(), BOTH),
    FileCase("trailing-commas-everywhere.csv", f"{HEADER},,\n{row(1, GOOD)},,\n{row(2, BAD)},,\n".encode(), BOTH),
    FileCase("long-cell.csv", f"{HEADER},html\n{row(1, GOOD)},{LONG}\n{row(2, BAD)},\n".encode(), BOTH),
    FileCase("spaced-header.csv", table(GOOD, BAD, header="platform, id, text ,created_at").encode(), BOTH),
    FileCase("semicolons.csv", table(GOOD, BAD).replace(",", ";").encode(), BOTH),
    FileCase("excel-sep.csv", ("sep=;\r\n" + table(GOOD, BAD, end="\r\n").replace(",", ";")).encode("utf-8-sig"), BOTH),
    FileCase("tabs.csv", table(GOOD, BAD).replace(",", "\t").encode(), BOTH),
    FileCase("utf-16.csv", table(GOOD, BAD).encode("utf-16"), BOTH),
    FileCase("gb18030.csv", table(GOOD, BAD, PLAIN).encode("gb18030"), (*BOTH, PLAIN)),
    FileCase("header-alone.csv", f"{HEADER}\n".encode(), ()),
    FileCase("empty.csv", b"", ()),
    FileCase("plain.jsonl", lines(GOOD, BAD).encode(), BOTH),
    FileCase("byte-order-mark.jsonl", lines(GOOD, BAD).encode("utf-8-sig"), BOTH),
    FileCase("crlf-and-blank.jsonl", (lines(GOOD, BAD, end="\r\n") + "\r\n").encode(), BOTH),
    FileCase("escapes.jsonl", lines("很好\\ud83d\\udc4d\\n\\u2028推荐", BAD).encode(), ("很好👍\n\u2028推荐", BAD)),
    FileCase("line-separator.jsonl", lines("很好\u2028推荐\x85", BAD).encode(), ("很好\u2028推荐\x85", BAD)),
)

REJECTED = (
    FileCase("open-quote.csv", table('"' + ELEVEN[0], *ELEVEN[1:]).encode(), None, 2, ("quote",)),
    FileCase(
        "open-quote-later.csv",
        table('"两\n行"', GOOD, '"' + BAD, PLAIN, end="\r\n").encode(),
        None,
        5,
        ("quote",),
    ),
    FileCase("open-quote-last.csv", table(GOOD, '"' + BAD).encode(), None, 3, ("quote",)),
    FileCase("open-quote-then-quoted.csv", table(f'"{GOOD}', f'"{BAD}"').encode(), None, 2, ("quote",)),
    FileCase("after-quote.csv", table(GOOD, '"很好"真的').encode(), None, 3, ("quote",)),
    FileCase("too-many-cells.csv", table(GOOD, "good, but slow").encode(), None, 3, ("cells",)),
    FileCase("two-text-columns.csv", f"{HEADER},text\n{row(1, GOOD)},{BAD}\n".encode(), None, None, ("text",)),
    FileCase("nul.csv", table(GOOD, "很\0好").encode(), None, 3, ("NUL",)),
    FileCase("cut-utf-8.csv", (HEADER + "\n" + row(1, GOOD) + "\nshop,2," + BAD).encode()[:-1], None, 3, ("UTF-8",)),
    FileCase("broken-utf-8.csv", table(GOOD, BAD).encode().replace("复".encode(), b"\xe5\xa4"), None, 3, ("UTF-8",)),
    FileCase("latin-1.csv", table("très bien, déjà reçu".replace(",", "")).encode("latin-1"), None, 2, ("UTF-8",)),
    FileCase("workbook.csv", b"PK\x03\x04\x14\0\x06\0\x08\0\0\0!\0", None),
    FileCase("lone-surrogate.jsonl", lines(GOOD, "很好\\ud83d").encode(), None, 2, ("surrogate",)),
    FileCase("not-json.jsonl", (lines(GOOD) + "{text: 很好}\n").encode(), None, 2, ("JSON",)),
    FileCase("no-object.jsonl", (lines(GOOD) + '"很好"\n').encode(), None, 2, ("JSON",)),
    FileCase("broken-utf-8.jsonl", lines(GOOD, BAD).encode().replace("复".encode(), b"\xe5\xa4"), None, 2, ("UTF-8",)),
    FileCase("deep.jsonl", (lines(GOOD) + "[" * 100_000 + "\n").encode(), None, 2),
    FileCase("duplicate-keys.jsonl", (lines(GOOD) + '{"text":"好","text":"差"}\n').encode(), None, 2, ("text",)),
)
CASES = READABLE + REJECTED
