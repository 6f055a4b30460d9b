"""GET /api/v1/analytics/agreement: the agreement of reviewers, as JSON or CSV."""

from http import HTTPStatus
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from api.guard import GuardedRoute
from api.identity.identity import AsReviewer
from api.problems import REFUSALS, documented
from api.rest.analytics import as_csv
from api.rest.analytics_schemas import Count, Rows
from api.services import TheServices
from store.agreement import Agreement, Reviewer, read_agreement
from store.comments import ShownLabel

router = APIRouter(prefix="/api/v1/analytics/agreement", tags=["analytics"], route_class=GuardedRoute)
Coefficient = Annotated[float | None, Field(ge=-1, le=1)]


class AgreementQuery(BaseModel):
    """The format of the response."""

    model_config = ConfigDict(extra="forbid")

    format: Literal["json", "csv"] = Field(
        "json", description="JSON, or CSV with a header, in UTF-8.", examples=["csv"]
    )


class AgreementRow(BaseModel):
    """Agreement of two reviewers or of all."""

    reviewers: Literal["all", "pair"] = Field(description="Whether the row is for all reviewers or a pair.")
    first: str | None = Field(description="One reviewer of the pair; null without an account.", examples=["小李"])
    second: str | None = Field(description="The other reviewer of the pair.", examples=["小王"])
    label: ShownLabel | None = Field(
        description="The label that is compared with all others; null for all labels.", examples=["negative"]
    )
    texts: Count = Field(description="Texts with two or more independent reviews.", examples=[120])
    same: Count = Field(description="Texts on which all reviews agree.", examples=[104])
    kappa: Coefficient = Field(description="Cohen's kappa of the pair; null for all reviewers.", examples=[0.74])
    kappa_low: Coefficient = Field(description="Lower bound of its 95 % confidence interval.", examples=[0.65])
    kappa_high: Coefficient = Field(description="Upper bound of its 95 % confidence interval.", examples=[0.83])
    alpha: Coefficient = Field(description="Krippendorff's alpha for nominal data.", examples=[0.74])
    alpha_low: Coefficient = Field(description="Lower bound of its 95 % confidence interval.", examples=[0.65])
    alpha_high: Coefficient = Field(description="Upper bound of its 95 % confidence interval.", examples=[0.83])


class AgreementRows(Rows):
    """Agreement of reviewers."""

    rows: list[AgreementRow] = Field(
        description="All reviewers first, then up to 20 pairs with the most texts. For each, the row of all labels is "
        "first."
    )


@router.get(
    "",
    summary="Reviewer agreement",
    response_model=AgreementRows,
    responses={
        200: {"content": {"text/csv": {"schema": {"type": "string"}}}},
        **documented(*REFUSALS, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE),
    },
)
async def agreement(
    services: TheServices, _: AsReviewer, query: Annotated[AgreementQuery, Query()]
) -> AgreementRows | Response:
    """Return the chance-corrected agreement of reviewers by pair and by label, with 95 % confidence intervals.

    It counts each text that two or more people have reviewed, with the newest review of each. Reviews that resolved a
    dispute are excluded because their reviewers had seen the other labels. Coefficients are null if all reviews have
    the same label, and intervals are null with fewer than ten texts.
    """
    found = await read_agreement(services.store)
    answer = AgreementRows(rows=[row_of(one) for one in found])
    return answer if query.format == "json" else as_csv(answer)


def row_of(one: Agreement) -> AgreementRow:
    """Convert an agreement to a row of the response."""
    first, second = one.pair or (Reviewer(0, None), Reviewer(0, None))
    return AgreementRow(
        reviewers="all" if one.pair is None else "pair",
        first=first.name,
        second=second.name,
        label=one.label,
        texts=one.texts,
        same=one.same,
        kappa=one.kappa.value,
        kappa_low=one.kappa.low,
        kappa_high=one.kappa.high,
        alpha=one.alpha.value,
        alpha_low=one.alpha.low,
        alpha_high=one.alpha.high,
    )
