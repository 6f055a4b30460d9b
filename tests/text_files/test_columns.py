"""Columns are detected in the layouts of real exports, and can be chosen."""

import io

import pytest

from liuyan.text_files.columns import ColumnOptions
from liuyan.text_files.errors import TextFileError
from liuyan.text_files.table import Table
from tests.text_files.exports import COMMENTS, EXPORTS, Export


def read(text: str, options: ColumnOptions = ColumnOptions()) -> Table:
    return Table(io.BytesIO(text.encode()), "csv", options)


@pytest.mark.parametrize("export", EXPORTS, ids=lambda export: export.name)
@pytest.mark.parametrize("rows", [30, 2])
def test_columns_of_exports_are_detected(export: Export, rows: int) -> None:
    comments = COMMENTS[:rows]
    table = Table(io.BytesIO(export.text(comments).encode(export.encoding)), "csv")
    layout = table.layout
    assert (layout.column, layout.header, layout.separator) == (
        export.column,
        export.header is not None,
        export.separator,
    )
    assert layout.name == (export.header[export.column - 1] if export.header else None)
    assert tuple(row.text for row in table.rows()) == comments
    assert layout.rows == rows


@pytest.mark.parametrize(
    ("header", "column"),
    [
        ("Review Text,Review Date", 1),
        ("reviewId,reviewText", 2),
        ("comment_id,comment_author,comment_content", 3),
        ("评论时间,评论ID,用户评论", 3),
        ("评论人,评论分数,商品评价", 3),
        ("商家回复内容,客户留言内容", 2),
        ("title,content_type,content", 3),
        ("text_length,text_zh", 2),
        ("评论内容（必填）,备注", 1),
        ("cmt,uid", 1),
        ("是否有内容,正文", 2),
        ("MESSAGE BODY,message id", 1),
        ("评论,您觉得我们的服务怎么样", 1),
    ],
)
def test_column_names_identify_the_comments(header: str, column: int) -> None:
    width = header.count(",") + 1
    cells = "\n".join(",".join(f"很好{row}{place}" for place in range(width)) for row in range(3))
    layout = read(f"{header}\n{cells}\n").layout
    assert (layout.header, layout.column) == (True, column)


@pytest.mark.parametrize(
    "text",
    ["很好\n很差\n", "内容不错\n很差\n", "评论里说好\n很差\n", "good\n很差\n不行\n", "666\n很好\n很差\n一般\n还行\n"],
)
def test_first_comment_is_not_mistaken_for_a_header(text: str) -> None:
    table = read(text)
    assert [row.text for row in table.rows()] == text.splitlines()
    assert table.layout.header is False


@pytest.mark.parametrize(
    ("options", "texts"),
    [
        (ColumnOptions("备注"), ["甲", "乙"]),
        (ColumnOptions(" 备注 "), ["甲", "乙"]),
        (ColumnOptions("NOTE-2"), ["1", "2"]),
        (ColumnOptions("3"), ["1", "2"]),
        (ColumnOptions("3", header=False), ["note 2", "1", "2"]),
        (ColumnOptions(header=False), ["评论", "很好，会再来", "太差了，不来了"]),
    ],
)
def test_chosen_column_is_used(options: ColumnOptions, texts: list[str]) -> None:
    table = read("评论,备注,note 2\n很好，会再来,甲,1\n太差了，不来了,乙,2\n", options)
    assert [row.text for row in table.rows()] == texts


@pytest.mark.parametrize(
    ("text", "options", "sentence"),
    [
        ("a,b\n1,2\n", ColumnOptions(), "No column looks like comments among 'a', 'b'"),
        (
            "bucket,platform,label,count\n2026-01-01,forum,positive,12\n",
            ColumnOptions(),
            "No column looks like comments",
        ),
        ("评论时间,用户昵称,评分\n昨天,小鱼干,力荐\n", ColumnOptions(), "No column looks like comments"),
        (
            "a,b\n1,2\n",
            ColumnOptions("c"),
            "There is no column 'c': name one of 'a', 'b', or give a number from 1 to 2",
        ),
        ("a,b\n1,2\n", ColumnOptions("3"), "There is no column '3'"),
        ("a,b\n1,2\n", ColumnOptions("0"), "There is no column '0'"),
        ("a,b\n1,2\n", ColumnOptions("²"), "There is no column '²'"),
        ("text,\x1b[2J\n好,1\n", ColumnOptions("c"), r"'\\x1b\[2J'"),
        ("text,id,text\n好,1,坏\n", ColumnOptions(), "Several columns are called 'text': .* 1, 3"),
        ("text,Text\n好,坏\n", ColumnOptions("TEXT"), "Several columns are called 'TEXT'"),
        ("text,id\n好,1\n", ColumnOptions(labels=True), "no column label among 'text', 'id'"),
        ("label,text,label\n1,好,0\n", ColumnOptions(labels=True), "Several columns are called 'label'"),
    ],
)
def test_error_explains_why_no_column_is_chosen(text: str, options: ColumnOptions, sentence: str) -> None:
    with pytest.raises(TextFileError, match=sentence):
        read(text, options)


def test_ambiguous_column_is_chosen_by_number() -> None:
    assert [row.text for row in read("text,text\n好,坏\n", ColumnOptions("2")).rows()] == ["坏"]


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("评论,情感\n好,正面\n", ["正面"]),
        ("label,text\n1,好\n", ["1"]),
        ("sentiment,review\npositive,好\n", ["positive"]),
        ("1,很好，会再来\n0,太差了，不来了\n", ["1", "0"]),
        ("id,text,label,model_label\n1,好,spam,positive\n", ["spam"]),
    ],
)
def test_label_columns_are_detected(text: str, labels: list[str]) -> None:
    assert [row.label for row in read(text, ColumnOptions(labels=True)).rows()] == labels


def test_label_column_is_chosen_by_name_or_number() -> None:
    text = "评论,甲,乙\n很好的一次体验,1,0\n"
    assert [row.label for row in read(text, ColumnOptions(label_column="乙")).rows()] == ["0"]
    assert [row.label for row in read(text, ColumnOptions(label_column="2")).rows()] == ["1"]
