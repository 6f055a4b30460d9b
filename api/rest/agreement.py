"""GET /api/v1/analytics/agreement: how far reviewers agree, as JSON or as CSV."""

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
    """How to return the agreement."""

    model_config = ConfigDict(extra="forbid")

    format: Literal["json", "csv"] = Field("json", description="JSON, or CSV with a head, in UTF-8.", examples=["csv"])


class AgreementRow(BaseModel):
    """How two reviewers agree, or all of them."""

    reviewers: Literal["all", "pair"] = Field(description="Whether it is about all reviewers or two.")
    first: str | None = Field(description="One reviewer of the pair; null without an account.", examples=["小李"])
    second: str | None = Field(description="The other one.", examples=["小王"])
    label: ShownLabel | None = Field(
        description="One label against all others; null: all labels.", examples=["negative"]
    )
    texts: Count = Field(description="Texts with two or more independent opinions.", examples=[120])
    same: Count = Field(description="Of these, those on which all opinions are alike.", examples=[104])
    kappa: Coefficient = Field(description="Cohen's kappa of the pair; null for all reviewers.", examples=[0.74])
    kappa_low: Coefficient = Field(description="Where its 95 % interval begins.", examples=[0.65])
    kappa_high: Coefficient = Field(description="Where it ends.", examples=[0.83])
    alpha: Coefficient = Field(description="Krippendorff's alpha for nominal data.", examples=[0.74])
    alpha_low: Coefficient = Field(description="Where its 95 % interval begins.", examples=[0.65])
    alpha_high: Coefficient = Field(description="Where it ends.", examples=[0.83])


class AgreementRows(Rows):
    """Agreement of reviewers."""

    rows: list[AgreementRow] = Field(
        description="All reviewers first, then the pairs with the most texts, at most 20; of each all labels first."
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
    """Return how far reviewers agree beyond chance, by pair and by label, with 95 % intervals.

    It counts each text that two or more people have decided, with the newest opinion of each. Who resolved a dispute
    has seen the others' labels and is left out. All coefficients are null where everybody gave one label, and
    intervals with fewer than ten texts.
    """
    found = await read_agreement(services.store)
    answer = AgreementRows(rows=[row_of(one) for one in found])
    return answer if query.format == "json" else as_csv(answer)


def row_of(one: Agreement) -> AgreementRow:
    """Agreement as it is answered."""
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
