"""The shapes of requests for predictions and of their answers, with the words that a stranger reads in OpenAPI."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from liuyan.api.problems import WITHOUT_NUL
from liuyan.api.rest.fields import Probability, Sha256, Uncertain

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
        description="Positive from a probability of 0.5 on.", examples=["positive"]
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


class FileHead(BaseModel):
    """The first line of the answer to a file."""

    model: Sha256
    texts: int = Field(description="How many lines follow.", examples=[5000])


class LinePrediction(TextPrediction):
    """What the model says of one text of a file."""

    row: int = Field(ge=1, description="The row of the file in which the text stands, a header counted.", examples=[2])
    text: str = Field(description="The text, as it was read.", examples=["物流很快，包装也好 👍"])
