"""The shapes of the export of reviewed texts."""

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from api.rest.review_list_schemas import ReviewFields
from store.comments import ShownLabel
from store.export import ExportFilter


class ExportFormat(StrEnum):
    """How reviewed texts are written."""

    CSV = "csv"
    JSON_LINES = "jsonl"


class ExportQuery(ReviewFields):
    """Which reviewed texts to export, and how."""

    audit: bool | None = Field(
        None, description="Only comments of the audit sample, or only the others.", examples=[True]
    )
    disputed: bool = Field(
        False, description="Whether to export texts too on which reviewers differ and nobody has resolved it."
    )
    format: ExportFormat = Field(
        ExportFormat.JSON_LINES, description="`csv` with a header, or `jsonl`: one JSON object a line."
    )

    def wanted(self) -> ExportFilter:
        """The same filter, as the store takes it."""
        labels = frozenset([self.label]) if self.label else None
        return ExportFilter(self.platform, labels, self.reviewed_from, self.reviewed_to, self.audit, self.disputed)


class ExportedReview(BaseModel):
    """A reviewed text: the label belongs to the very text that the reviewer saw. The CSV has the same columns."""

    model_config = ConfigDict(from_attributes=True)

    platform: str = Field(examples=["forum"])
    id: str = Field(examples=["post-1817"])
    version: int = Field(examples=[1769818500000000])
    text: str = Field(examples=["物流很快"])
    label: ShownLabel = Field(examples=["negative"])
    reviewer: str = Field(examples=["小王"])
    reviewed_at: datetime = Field(examples=["2026-01-31T00:20:00Z"])
    model_label: ShownLabel | None = Field(description="What a model had said then.", examples=["positive"])
    probability: float | None = Field(description="How probable it held positive.", examples=[0.52])
    audit: bool = Field(description="Whether the comment is in the audit sample.", examples=[False])
    disputed: bool = Field(description="Whether reviewers differ on it; the label is the last one.", examples=[False])
    occurrences: int = Field(
        description="How many comments with the same text were decided together; this row counts for all.", examples=[1]
    )
