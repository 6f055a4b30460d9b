"""Query and rows of the review export."""

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from api.rest.review_list_schemas import ReviewFields
from store.comments import ShownLabel
from store.export import ExportFilter


class ExportFormat(StrEnum):
    """File format of the export."""

    CSV = "csv"
    JSON_LINES = "jsonl"


class ExportQuery(ReviewFields):
    """The reviewed texts to export, and the format."""

    audit: bool | None = Field(
        None, description="Only comments of the audit sample, or only the others.", examples=[True]
    )
    disputed: bool = Field(False, description="Whether to include texts with an unresolved dispute between reviewers.")
    user_labels: bool = Field(
        False, description="Whether to include labels given in text detection by accounts with the role user."
    )
    format: ExportFormat = Field(
        ExportFormat.JSON_LINES, description="`csv` with a header, or `jsonl`: one JSON object per line."
    )

    def to_filter(self) -> ExportFilter:
        """Convert the query to the store's filter."""
        labels = frozenset([self.label]) if self.label else None
        return ExportFilter(
            self.platform, labels, self.reviewed_from, self.reviewed_to, self.audit, self.disputed, self.user_labels
        )


class ExportedReview(BaseModel):
    """A reviewed text, exactly as the reviewer saw it, with its label. The CSV has the same columns."""

    model_config = ConfigDict(from_attributes=True)

    platform: str = Field(examples=["forum"])
    id: str = Field(examples=["post-1817"])
    version: int = Field(examples=[1769818500000000])
    text: str = Field(examples=["物流很快"])
    label: ShownLabel = Field(examples=["negative"])
    reviewer: str = Field(examples=["小王"])
    reviewed_at: datetime = Field(examples=["2026-01-31T00:20:00Z"])
    model_label: ShownLabel | None = Field(
        description="The model's label at the time of the review.", examples=["positive"]
    )
    probability: float | None = Field(
        description="The model's probability of positive at the time of the review.", examples=[0.52]
    )
    audit: bool = Field(description="Whether the comment is in the audit sample.", examples=[False])
    disputed: bool = Field(
        description="Whether reviewers disagree on the text; the label is that of the last review.", examples=[False]
    )
    occurrences: int = Field(
        description="Number of comments with this text that were reviewed together; this row counts for all of them.",
        examples=[1],
    )
    held_back: bool = Field(
        description="Whether the comment is held back from training, so that models can be compared on it. `liuyan "
        "model train` skips these rows.",
        examples=[False],
    )
    by_user: bool = Field(
        description="Whether an account with the role user gave the label in text detection.", examples=[False]
    )
