"""The shapes of requests for predictions and of their answers, with the words that a stranger reads in OpenAPI."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from liuyan.api.problems import WITHOUT_NUL
from liuyan.api.rest.fields import Probability, Sha256, Uncertain

MAXIMUM_TEXTS = 1_000
MAXIMUM_TEXT = 10_000


class PredictionRequest(BaseModel):
    """Texts to label; nothing of them is stored."""

    model_config = ConfigDict(extra="forbid")

    texts: list[Annotated[str, Field(min_length=1, max_length=MAXIMUM_TEXT, pattern=WITHOUT_NUL)]] = Field(
        min_length=1,
        max_length=MAXIMUM_TEXTS,
        description=f"1 to {MAXIMUM_TEXTS} texts of 1 to {MAXIMUM_TEXT} code points each, any Unicode but NUL.",
        examples=[["物流很快，包装也好 👍", "客服一直不回复，再也不来了"]],
    )


class TextPrediction(BaseModel):
    """What the model says of one text."""

    model_config = ConfigDict(from_attributes=True)

    label: Literal["positive", "negative"] = Field(
        description="Positive from a probability of 0.5 on.", examples=["positive"]
    )
    probability: Probability
    uncertain: Uncertain


class PredictionAnswer(BaseModel):
    """The model's answer to each text, in their order."""

    model: Sha256
    predictions: list[TextPrediction] = Field(description="One for each text, in the same order.")
