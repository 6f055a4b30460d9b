"""Request and response schemas for predictions."""

from collections.abc import Sequence
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from api.problems import WITHOUT_NUL
from api.rest.fields import Probability, Sha256, Uncertain
from liuyan.text_files.table import Format, Layout

MAXIMUM_TEXTS = 1_000
MAXIMUM_TEXT = 10_000
# Explaining one text takes as long as labelling a hundred.
MAXIMUM_EXPLAINED = 20
MAXIMUM_FILE_LINES = 5_000


class PredictionRequest(BaseModel):
    """Texts to label without storing them."""

    model_config = ConfigDict(extra="forbid")

    texts: list[Annotated[str, Field(min_length=1, max_length=MAXIMUM_TEXT, pattern=WITHOUT_NUL)]] = Field(
        min_length=1,
        max_length=MAXIMUM_TEXTS,
        description=f"1 to {MAXIMUM_TEXTS} texts of 1 to {MAXIMUM_TEXT} code points each, without NUL.",
        examples=[["物流很快，包装也好 👍", "客服一直不回复，再也不来了"]],
    )
    explain: bool = Field(
        False,
        description=f"Whether to return the contribution of each word, for up to {MAXIMUM_EXPLAINED} texts.",
    )

    @model_validator(mode="after")
    def _few_explained(self) -> Self:
        if self.explain and len(self.texts) > MAXIMUM_EXPLAINED:
            raise ValueError(f"at most {MAXIMUM_EXPLAINED} texts are explained at once")
        return self


class WordContribution(BaseModel):
    """The contribution of one word to a text's label."""

    model_config = ConfigDict(from_attributes=True)

    text: str = Field(description="The word as it is written in the text.", examples=["物流"])
    start: int = Field(ge=0, description="Start of the word in the text, in code points.", examples=[0])
    end: int = Field(ge=0, description="End of the word in the text, in code points.", examples=[2])
    contribution: float = Field(
        description="Decrease of the logit without the word. Values above 0 support positive.",
        examples=[0.42],
    )


class TextPrediction(BaseModel):
    """The prediction for one text."""

    model_config = ConfigDict(from_attributes=True)

    label: Literal["positive", "negative"] = Field(
        description="Positive if the probability is at least 0.5. If `uncertain` is true, the model only leans towards "
        "it.",
        examples=["positive"],
    )
    probability: Probability
    uncertain: Uncertain
    words: list[WordContribution] | None = Field(
        None,
        description="The words in order, if `explain` is true. The model does not read what lies between them: white "
        "space, and the middle of a text that is too long.",
    )


class PredictionAnswer(BaseModel):
    """The predictions for the texts of a request."""

    model: Sha256
    predictions: list[TextPrediction] = Field(description="One prediction per text, in the same order.")


class FileQuery(BaseModel):
    """Overrides for the detection of a file's layout."""

    model_config = ConfigDict(extra="forbid")

    column: str | None = Field(
        None,
        min_length=1,
        max_length=128,
        description="The column or field with the comments, by name or by number from 1.",
        examples=["评论内容"],
    )
    header: bool | None = Field(None, description="Whether the first row of a CSV is a header.", examples=[True])
    cells: bool = Field(False, description="Whether to return all cells of each row, as `cells`.")
    preview: bool = Field(
        False, description="Return the detected layout and the first five rows with their cells, without labels."
    )
    format: Literal["jsonl", "xlsx"] = Field(
        "jsonl",
        description="`xlsx` returns an Excel workbook with all columns of the file, the label, the probability of "
        "positive and whether the model is uncertain.",
    )


class FileHead(BaseModel):
    """The first line of the response to a file: the detected layout and the number of lines that follow."""

    model: Sha256
    texts: int = Field(description="Number of lines that follow.", examples=[5000])
    format: Format = Field(description="The file's format.", examples=["csv"])
    encoding: str = Field(description="The file's encoding.", examples=["UTF-8"])
    separator: str | None = Field(description="The separator of a CSV with several columns.", examples=[","])
    header: bool | None = Field(description="Whether the first row of a CSV was read as a header.", examples=[True])
    column: int | None = Field(description="The number of the column with the comments, from 1.", examples=[3])
    name: str | None = Field(description="The name of the column or field with the comments.", examples=["评论内容"])

    multiline: int = Field(description="Number of CSV rows with a line break inside a cell.", examples=[0])
    empty: int = Field(description="Number of rows without text, which have no line in the response.", examples=[0])
    columns: list[str] = Field(
        description="The names of all columns, in the order of `cells`; empty for a column without a name.",
        examples=[["评论内容", "时间"]],
    )

    @classmethod
    def of(cls, model: str, texts: int, layout: Layout, columns: Sequence[str]) -> Self:
        """Build the first line for ``texts`` texts."""
        return cls(
            model=model,
            texts=texts,
            format=layout.format,
            encoding=layout.encoding,
            separator=layout.separator,
            header=layout.header,
            column=layout.column,
            name=layout.name,
            multiline=layout.multiline,
            empty=layout.empty,
            columns=list(columns),
        )


class LinePrediction(TextPrediction):
    """The prediction for one text of a file."""

    row: int = Field(ge=1, description="The text's row in the file, from 1, counting the header.", examples=[2])
    text: str = Field(description="The text as it was read.", examples=["物流很快，包装也好 👍"])
    cells: list[str] | None = Field(None, description="All cells of the row, if `cells` is true.")


class PreviewLine(BaseModel):
    """One of the first rows of a file."""

    row: int = Field(ge=1, description="The row in the file, from 1, counting the header.", examples=[2])
    cells: list[str] = Field(description="All cells of the row.")
