"""The shapes of requests for predictions and of their answers, with the words that a stranger reads in OpenAPI."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from api.problems import WITHOUT_NUL
from api.rest.fields import Probability, Sha256, Uncertain
from liuyan.text_files.table import Format, Layout

MAXIMUM_TEXTS = 1_000
MAXIMUM_TEXT = 10_000
# Explaining takes as long as labelling a hundred texts.
MAXIMUM_EXPLAINED = 20
MAXIMUM_FILE_LINES = 5_000


class PredictionRequest(BaseModel):
    """Texts to label; nothing of them is stored."""

    model_config = ConfigDict(extra="forbid")

    texts: list[Annotated[str, Field(min_length=1, max_length=MAXIMUM_TEXT, pattern=WITHOUT_NUL)]] = Field(
        min_length=1,
        max_length=MAXIMUM_TEXTS,
        description=f"1 to {MAXIMUM_TEXTS} texts of 1 to {MAXIMUM_TEXT} code points each, any Unicode but NUL.",
        examples=[["物流很快，包装也好 👍", "客服一直不回复，再也不来了"]],
    )
    explain: bool = Field(
        False,
        description=f"Whether to tell what each word contributed; of {MAXIMUM_EXPLAINED} texts at most.",
    )

    @model_validator(mode="after")
    def _few_explained(self) -> Self:
        if self.explain and len(self.texts) > MAXIMUM_EXPLAINED:
            raise ValueError(f"at most {MAXIMUM_EXPLAINED} texts are explained at once")
        return self


class WordContribution(BaseModel):
    """What one word of a text contributed to its label."""

    model_config = ConfigDict(from_attributes=True)

    text: str = Field(description="The word as it stands in the text.", examples=["物流"])
    start: int = Field(ge=0, description="Where it begins in the text, in code points.", examples=[0])
    end: int = Field(ge=0, description="Where it ends in the text, in code points.", examples=[2])
    contribution: float = Field(
        description="By how much the logit of the probability falls without it: above 0 it speaks for positive.",
        examples=[0.42],
    )


class TextPrediction(BaseModel):
    """What the model says of one text."""

    model_config = ConfigDict(from_attributes=True)

    label: Literal["positive", "negative"] = Field(
        description="Positive from a probability of 0.5 on; where `uncertain` is true it is only what the model leans "
        "towards.",
        examples=["positive"],
    )
    probability: Probability
    uncertain: Uncertain
    words: list[WordContribution] | None = Field(
        None,
        description="The words in order, where it was asked for. What lies between them was not read: white space, "
        "and the middle of a text that is too long.",
    )


class PredictionAnswer(BaseModel):
    """The model's answer to each text, in their order."""

    model: Sha256
    predictions: list[TextPrediction] = Field(description="One for each text, in the same order.")


class FileQuery(BaseModel):
    """How a file is to be read, where it should not be found out."""

    model_config = ConfigDict(extra="forbid")

    column: str | None = Field(
        None,
        min_length=1,
        max_length=128,
        description="The column or field with the comments, by its name, or its number from 1.",
        examples=["评论内容"],
    )
    header: bool | None = Field(None, description="Whether the first row of a CSV is a header.", examples=[True])


class FileHead(BaseModel):
    """The first line of the answer to a file: how it is read, and how many lines follow."""

    model: Sha256
    texts: int = Field(description="How many lines follow.", examples=[5000])
    format: Format = Field(description="What the file was read as.", examples=["csv"])
    encoding: str = Field(description="The encoding of the file.", examples=["UTF-8"])
    separator: str | None = Field(description="What separates the cells of a CSV with several columns.", examples=[","])
    header: bool | None = Field(description="Whether the first row of a CSV was read as a header.", examples=[True])
    column: int | None = Field(description="The number of the column with the comments, from 1.", examples=[3])
    name: str | None = Field(description="The name of the column or field with the comments.", examples=["评论内容"])

    multiline: int = Field(description="How many rows of a CSV have a line break inside a cell.", examples=[0])
    empty: int = Field(description="How many rows have no text and no line in the answer.", examples=[0])

    @classmethod
    def of(cls, model: str, texts: int, layout: Layout) -> Self:
        """The head of an answer with this many texts."""
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
        )


class LinePrediction(TextPrediction):
    """What the model says of one text of a file."""

    row: int = Field(ge=1, description="The row of the file in which the text stands, a header counted.", examples=[2])
    text: str = Field(description="The text, as it was read.", examples=["物流很快，包装也好 👍"])
