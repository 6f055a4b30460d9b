"""/api/v1/platforms/{platform}: the labels, trend and rejected events of one platform, for its own accounts and admins.

An account or token of another platform gets 403, whether or not the requested platform exists.
"""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query

from api.guard import GuardedRoute
from api.i18n import gettext
from api.identity.identity import AsPlatform, Identity
from api.problems import REFUSALS, ProblemError, documented
from api.rest.cursor import encode_cursor, read_cursor
from api.rest.fields import Platform
from api.rest.platform_schemas import (
    LabelledText,
    LabelPage,
    LabelQuery,
    ReasonCount,
    ReasonCounts,
    RejectedEvent,
    RejectedPage,
    RejectedQuery,
    Trend,
    TrendQuery,
    TrendRow,
)
from api.services import TheServices
from store.analytics import mix_over_time
from store.rejected import count_rejected, list_rejected
from store.search import list_comments

router = APIRouter(prefix="/api/v1/platforms", tags=["platforms"], route_class=GuardedRoute)
RESPONSES = documented(*REFUSALS, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE)
SHOWN = ("comments", "positive", "negative", "unclear", "spam", "uncertain")


async def readable_platform(identity: AsPlatform, platform: Annotated[Platform, Path()]) -> str:
    """Return the platform in the path. Raises ProblemError, 403, if the caller may not read it."""
    require_readable(identity, platform)
    return platform


def require_readable(identity: Identity, platform: str) -> None:
    """Raise ProblemError, 403, if the caller may not read the platform."""
    if not identity.may_read(platform):
        detail = gettext("You may read only the platform %(platform)s.") % {"platform": identity.platform}
        raise ProblemError(HTTPStatus.FORBIDDEN, "other_platform", detail)


Readable = Annotated[str, Depends(readable_platform)]


@router.get("/{platform}/labels", summary="A platform's labels", responses=RESPONSES)
async def platform_labels(
    services: TheServices, identity: AsPlatform, platform: Readable, query: Annotated[LabelQuery, Query()]
) -> LabelPage:
    """List the platform's comments with their labels, newest first, without authors and reviewers."""
    filter, after = query.to_filter(platform), read_cursor(query.after)
    page = await services.store.read(list_comments, filter, after, query.limit, identity.user_number)
    return LabelPage(
        items=[LabelledText.of(comment) for comment in page.items],
        next=encode_cursor(page.next) if page.next else None,
    )


@router.get("/{platform}/trend", summary="A platform's labels over time", responses=RESPONSES)
async def platform_trend(services: TheServices, platform: Readable, query: Annotated[TrendQuery, Query()]) -> Trend:
    """Return the number of the platform's comments written in each hour, day or week, by label."""
    found = await services.store.read(mix_over_time, query.to_filter(platform), query.length, query.offset)
    return Trend(rows=[TrendRow(start=one.start, **{name: getattr(one.mix, name) for name in SHOWN}) for one in found])


@router.get("/{platform}/rejected", summary="A platform's rejected events", responses=RESPONSES)
async def platform_rejected(
    services: TheServices, platform: Readable, query: Annotated[RejectedQuery, Query()]
) -> RejectedPage:
    """List the platform's events that broke the contract, newest first, with the reasons.

    An event belongs to the platform if its topic is bound to this platform alone, or if its key and its value name no
    other one. A filter by reason searches the newest 10,000 events.
    """
    found = await services.store.read(
        list_rejected, platform, query.limit + 1, reason=query.reason, before=query.before
    )
    items = [RejectedEvent.of(event) for event in found[: query.limit]]
    return RejectedPage(items=items, next=items[-1].number if len(found) > query.limit else None)


@router.get("/{platform}/rejected/reasons", summary="A platform's rejected events by reason", responses=RESPONSES)
async def platform_reasons(services: TheServices, platform: Readable) -> ReasonCounts:
    """Count the newest 10,000 rejected events of the platform by reason."""
    counts = await services.store.read(count_rejected, platform)
    return ReasonCounts(rows=[ReasonCount(reason=reason, events=n) for reason, n in counts.items()])
