"""`liuyan model evaluate` and `liuyan model predict`: apply a model to a file of comments."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from liuyan.terminal import standard_input, write_line

Column = Annotated[
    str | None, typer.Option(help="Column with the comments, by name or number from 1. Default: detected.")
]
HasHeader = Annotated[
    bool | None, typer.Option("--header/--no-header", help="Whether the first row is a header. Default: detected.")
]
Encoding = Annotated[str | None, typer.Option(help="Encoding of the file, such as big5. Default: detected.")]
ModelPath = Annotated[Path | None, typer.Option("--model", help="Artifact folder. Default: the shipped one.")]


def evaluate(
    file: Annotated[Path, typer.Argument(help="CSV or JSON lines with comments and labels.")],
    model: ModelPath = None,
    column: Column = None,
    label_column: Annotated[str | None, typer.Option(help="Column with the labels, by name or number from 1.")] = None,
    header: HasHeader = None,
    encoding: Encoding = None,
) -> None:
    """Evaluate a model on labelled comments: accuracy, recall of each class, macro-F1.

    Labels are 1 or positive, and 0 or negative. Rows labelled unclear or spam, and rows without text, are skipped.
    Standard error reports the columns in use and the number of skipped rows. The last line is
    `accuracy 0.xxxx macro_f1 0.xxxx n N`; an undefined score is `-`.

    Examples:

        liuyan model evaluate comments.csv --model /tmp/model

        liuyan model evaluate 评论.csv --column 评论内容 --label-column 情感 --encoding gb18030
    """
    from liuyan.errors import UsageError
    from liuyan.progress import progress_bar
    from liuyan.text_files.columns import ColumnOptions
    from model.evaluate import score, show
    from model.files import OPTIONS, in_chunks, open_comments
    from model.labeller import load_labeller

    wanted = ColumnOptions(column, label_column, header, labels=True)
    with open_comments(file, wanted, encoding, OPTIONS) as comments, progress_bar() as progress:
        write_line(f"{file}: {comments.layout}", err=True)
        labeller = load_labeller(model)
        decided = ((row.text, positive) for row, positive in comments.labelled() if positive is not None)
        positive: list[bool] = []
        probabilities: list[float] = []
        for chunk in in_chunks(decided):
            positive += [label for _, label in chunk]
            probabilities += [one.probability for one in labeller.predict([text for text, _ in chunk])]
            progress("labelling", len(probabilities), comments.layout.rows)
    layout = comments.layout
    if layout.empty:
        write_line(f"skipped (no text): {layout.empty}, first in line {layout.first_empty}", err=True)
    if skipped := layout.rows - layout.empty - len(positive):
        write_line(f"skipped (labelled unclear or spam): {skipped}", err=True)
    if not positive:
        raise UsageError(f"{file} has no text labelled positive or negative.")
    scores = score(probabilities, positive)
    write_line(f"recall of positive {show(scores.recall_positive, 4)}")
    write_line(f"recall of negative {show(scores.recall_negative, 4)}")
    write_line(f"expected calibration error {scores.calibration_error:.4f}")
    write_line(f"accuracy {scores.accuracy:.4f} macro_f1 {show(scores.macro_f1, 4)} n {scores.n}")


def predict(
    file: Annotated[
        str, typer.Argument(help="CSV, JSON lines or text. - reads one comment per line from standard input.")
    ],
    model: ModelPath = None,
    column: Column = None,
    header: HasHeader = None,
    encoding: Encoding = None,
    explain: Annotated[bool, typer.Option("--explain", help="Show the contribution of each word.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="With --explain: write one JSON object per comment.")] = False,
) -> None:
    """Label comments: write CSV `label,probability` to standard output, one row per input row, in order.

    Both are empty for a row without text, which --explain skips. A `.txt` file has one comment per line, unless it is
    clearly a table.

    The probability is that of positive. The column with the comments is detected by name or content and reported on
    standard error. Rows are processed one by one, so files may be of any size.

    Examples:

        liuyan model predict comments.csv > labels.csv

        liuyan model predict 评论.csv --column 评论内容 --encoding gb18030 > labels.csv

        echo 物流很快，好评 | liuyan model predict -

        echo 房间不错，但是服务员态度太差 | liuyan model predict --explain -

    The contribution of a word is how far the logit of the probability falls without it: above 0 (green) points to
    positive, below 0 (red) to negative.
    """
    from liuyan.errors import UsageError
    from liuyan.progress import progress_bar
    from model.files import in_chunks, predict_texts, write_predictions
    from model.labeller import load_labeller
    from model.show import write_explanations

    if as_json and not explain:
        raise UsageError("--json requires --explain. Leave out --json for CSV.")
    if file == "-" and (column is not None or header is not None):
        raise UsageError("--column and --header apply to files only. Standard input has one comment per line.")
    with _lines(file, column, header, encoding) as lines:
        labeller = load_labeller(model)
        if explain:
            write_explanations(lines, labeller, as_json)
            return
        with progress_bar() as progress:
            answers = (predict_texts(labeller.predict, chunk) for chunk in in_chunks(text for _, text in lines))
            write_predictions(answers, progress)


@contextmanager
def _lines(
    file: str, column: str | None, header: bool | None, encoding: str | None
) -> Iterator[Iterator[tuple[int, str]]]:
    """Yield line number and comment of each row of a file or of standard input. Raises CommentFileError."""
    from liuyan.text_files.columns import ColumnOptions
    from model.files import OPTIONS, open_comments, read_lines

    if file == "-":
        yield enumerate(read_lines(standard_input(), encoding), start=1)
        return
    with open_comments(Path(file), ColumnOptions(column, header=header), encoding, OPTIONS) as comments:
        write_line(f"{file}: {comments.layout}", err=True)
        yield ((row.line, row.text) for row in comments.rows())
