"""The page of each platform, for its own accounts and admins: trend, newest labels and rejected events."""

from collections.abc import Mapping
from typing import ClassVar

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from api.admin.dead_letter_advice import advice_on
from api.admin.dead_letter_details import detail_words
from api.admin.dead_letter_words import reason_words
from api.admin.dead_letters import readable_line, visible
from api.admin.label_words import LABEL_WORDS
from api.admin.page import Page, identity_of, number_or_none, route, services_of
from api.admin.trend import HEIGHT, read_trend
from api.i18n import lazy_gettext, show_number
from api.identity.roles import Role
from api.services import Services
from liuyan.topics import PLATFORM
from store.analytics import CountFilter, mix_by_platform
from store.dead_letter_admin import DeadLetterState
from store.rejected import COUNTED, count_rejected, list_rejected
from store.search import CommentFilter, list_comments

NEWEST, ROWS = 10, 20
# For the publisher; operators read other words for the same states.
STATE_WORDS = {
    DeadLetterState.OPEN: lazy_gettext("Rejected"),
    DeadLetterState.REQUEUED: lazy_gettext("Being published again"),
    DeadLetterState.RESOLVED: lazy_gettext("Stored after it was published again"),
    DeadLetterState.DISCARDED: lazy_gettext("Set aside by an administrator"),
}


class PlatformsPage(Page):
    """An account of a platform sees its own page; admins choose one from a list."""

    path = "/platforms"
    menu_label = lazy_gettext("Platforms")
    icon = "fa-solid fa-tower-broadcast"
    role: ClassVar[Role | None] = Role.PLATFORM
    template: ClassVar[str] = "platforms.html"

    @route("")
    async def index(self, request: Request) -> Response:
        """List the platforms for admins; redirect an account of a platform to its own page."""
        identity = identity_of(request)
        if not identity.role.includes(Role.ADMIN):
            if identity.platform is None:
                raise HTTPException(403)
            return RedirectResponse(request.url_for("admin:platform", platform=identity.platform).path, 303)
        found = await services_of(request).store.read(mix_by_platform, CountFilter())
        return self.render(request, {"platforms": found})

    @route("/{platform:str}", name="platform")
    async def platform(self, request: Request) -> Response:
        """Show one platform. Responds with 403 to accounts of others, whether or not it exists."""
        platform, services, identity = request.path_params["platform"], services_of(request), identity_of(request)
        if not identity.may_read(platform):
            raise HTTPException(403)
        if not PLATFORM.fullmatch(platform):
            raise HTTPException(404)
        reason = request.query_params.get("reason", "")[:64] or None
        newest = await services.store.read(
            list_comments, CommentFilter(platform=platform), None, NEWEST, identity.user_number
        )
        shown = {
            "title": platform,
            "platform": platform,
            "trend": await read_trend(services, platform),
            "trend_height": HEIGHT,
            "newest": newest.items,
            "label_words": LABEL_WORDS,
            **await _rejected(services, platform, reason, number_or_none(request.query_params.get("before"))),
        }
        return self.render(request, shown, template="platform.html")


async def _rejected(services: Services, platform: str, reason: str | None, before: int | None) -> Mapping[str, object]:
    counts = await services.store.read(count_rejected, platform)
    found = await services.store.read(list_rejected, platform, ROWS + 1, reason=reason, before=before)
    return {
        "rejected": found[:ROWS],
        "older": found[ROWS - 1].number if len(found) > ROWS else None,
        "later": before is not None,
        "reason": reason or "",
        "reasons": {one: f"{reason_words(one)} ({show_number(count)})" for one, count in counts.items()},
        "counted": COUNTED,
        "reason_words": reason_words,
        "detail_words": detail_words,
        "advice_on": advice_on,
        "readable_line": readable_line,
        "visible": visible,
        "state_words": STATE_WORDS,
    }
