"""Detection of encodings: declared, byte order mark, UTF-8, or GB18030 that reads like Chinese."""

import io

import pytest

from liuyan.text_files.decode import decoded_lines, find_encoding, reads_like_chinese
from liuyan.text_files.errors import TextFileError
from tests.text_files.exports import BLAME, COMMENTS, PRAISE

TRADITIONAL = ("賣家出貨很快，包裝完整，會再回購", "等了三個禮拜才收到，客服都不回訊息", "口味普通，沒有想像中好吃")
KOREAN = (
    "배송이 빠르고 포장도 꼼꼼해서 만족합니다. 가격 대비 품질이 좋고 색상도 화면과 똑같아요. "
    "다음에도 여기서 구매할게요. 다만 사이즈가 조금 작으니 한 치수 크게 주문하세요."
)
TEXT = "\n".join(COMMENTS)


def encoding(content: bytes, declared: str | None = None) -> str:
    return find_encoding(io.BytesIO(content), declared)


@pytest.mark.parametrize(
    ("codec", "found"),
    [
        ("utf-8", "utf-8-sig"),
        ("utf-8-sig", "utf-8-sig"),
        ("utf-16", "utf-16"),
        ("utf-32", "utf-32"),
        ("gb18030", "gb18030"),
    ],
)
def test_encodings_are_detected(codec: str, found: str) -> None:
    assert encoding(TEXT.encode(codec)) == found
    assert encoding(f"{TEXT}👍".encode(codec)) == found


@pytest.mark.parametrize("text", [*PRAISE, *BLAME, "好", "太差了！", "ok 不错", "👍 赞", "《夜航》：五星……"])
def test_single_line_of_gb18030_is_detected(text: str) -> None:
    assert encoding(text.encode("gb18030")) == "gb18030"


@pytest.mark.parametrize("text", [*TRADITIONAL, "\n".join(TRADITIONAL)])
def test_big5_is_not_mistaken_for_gb18030_and_can_be_declared(text: str) -> None:
    content = text.encode("big5")
    assert content.decode("gb18030", "ignore") != text
    with pytest.raises(TextFileError, match="Tried: UTF-8, which line 1 is not; GB18030"):
        encoding(content)
    assert encoding(content, "Big5") == "big5hkscs"


def test_truncated_utf_8_is_detected() -> None:
    for text in (*PRAISE, *BLAME, *TRADITIONAL, "好", "ok 好"):
        content = f"text\n{text}".encode()
        for end in range(6, len(content)):
            try:
                content[:end].decode()
            except UnicodeDecodeError:
                with pytest.raises(TextFileError, match="ends in the middle of a character in line 2"):
                    encoding(content[:end])


def test_other_encodings_are_not_reported_as_truncated_chinese() -> None:
    for content in (b"d\xe9j\xe0 re\xe7u, tr\xe8s \xe9", TRADITIONAL[0].encode("big5")[:-1], b"ok \xff"):
        with pytest.raises(TextFileError, match=r"The encoding is unknown|The file is UTF-8"):
            encoding(content)


def test_truncated_gb18030_and_utf_16_are_detected() -> None:
    with pytest.raises(TextFileError, match="GB18030 and ends in the middle of a character in line 30"):
        encoding(TEXT.removesuffix("）").encode("gb18030") + b"\xa3")
    with pytest.raises(TextFileError, match="UTF-16 and ends in the middle of a character in line 30"):
        encoding(TEXT.encode("utf-16")[:-1])


@pytest.mark.parametrize(
    ("text", "codec"),
    [
        ("とても良い商品です", "shift_jis"),
        ("とても良い商品です", "euc_jp"),
        (KOREAN, "euc_kr"),
        ("déjà reçu, très bien", "latin-1"),
        ("Größe paßt", "cp1252"),
        ("очень хорошо", "cp1251"),
    ],
)
def test_other_encodings_are_not_mistaken_for_chinese(text: str, codec: str) -> None:
    with pytest.raises(TextFileError, match="The encoding is unknown"):
        encoding(text.encode(codec))


@pytest.mark.parametrize(
    ("content", "declared", "sentence"),
    [
        (b"a", "utf-9", "'utf-9' is unknown"),
        (b"a", "hex", "'hex' is unknown"),
        (b"a", "punycode", "'punycode' is unknown"),
        (b"a", "", "'' is unknown"),
        (b"a", "utf-8\0", r"'utf-8\\x00' is unknown"),
        (b"a", "\u597d", r"'\\u597d' is unknown"),
        ("好\n很好".encode("gb18030"), "utf-8", "Line 1 cannot be read in the declared encoding utf-8"),
        ("a\n很好".encode("gb18030"), "ascii", "Line 2 cannot be read in the declared encoding ascii"),
        ("很好吗".encode(), "gb18030", "declared encoding gb18030|but the file is in UTF-8"),
        ("很好吗真".encode(), "GBK", "declared encoding is gbk, but the file is in UTF-8"),
        ("很好".encode("utf-8-sig"), "gb18030", "begins with the byte order mark of UTF-8"),
        ("很好".encode("utf-16"), "utf-8", "begins with the byte order mark of UTF-16"),
        (b"PK\x03\x04", None, "Excel workbook"),
        (b"\xff\xff\xff", None, "The encoding is unknown"),
    ],
)
def test_error_explains_why_a_file_cannot_be_decoded(content: bytes, declared: str | None, sentence: str) -> None:
    with pytest.raises(TextFileError, match=sentence):
        encoding(content, declared)


@pytest.mark.parametrize(
    "declared", ["UTF-8", " utf8 ", "gb2312", "GBK", "cp936", "big5", "utf-16", "utf-16le", "utf_16_be"]
)
def test_declared_encoding_is_used(declared: str) -> None:
    text = "好\n再来" if "big5" not in declared else "好"
    codec = {"gb2312": "gb18030"}.get(declared, declared.strip())
    assert text.encode(codec).decode(encoding(text.encode(codec), declared)) == text


def test_ascii_and_emoji_do_not_rule_out_gb18030() -> None:
    assert reads_like_chinese("ok")
    assert reads_like_chinese("👍👍👍 好")
    assert not reads_like_chinese("鐗╂祦寰堝揩")


def test_lines_of_a_stream_are_decoded() -> None:
    for codec in ("utf-8", "utf-8-sig", "utf-16"):
        content = "好\r\n\n坏\u2028坏\n差".encode(codec)
        assert list(decoded_lines(io.BytesIO(content), None)) == ["好", "", "坏\u2028坏", "差"]
    assert list(decoded_lines(io.BytesIO("好\n坏".encode("gb18030")), "gbk")) == ["好", "坏"]
    assert list(decoded_lines(io.BytesIO(b""), None)) == []
    lines = decoded_lines(io.BytesIO("好\n坏".encode()[:-1]), None)
    assert next(lines) == "好"
    with pytest.raises(TextFileError, match="Line 2 is not UTF-8"):
        next(lines)
