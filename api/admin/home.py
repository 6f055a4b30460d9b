"""The home page: current notices, and pending work by role."""

from collections.abc import Mapping
from datetime import timedelta
from typing import ClassVar

from starlette.exceptions import HTTPException
from starlette.requests import Request

from api.admin.page import Page, identity_of, services_of
from api.admin.trend import HEIGHT, read_trend
from api.i18n import lazy_gettext
from api.identity.identity import Identity
from api.identity.roles import Role
from api.markdown import render_ahead, render_markdown
from api.services import Services
from store.accounts import UserFilter, count_users
from store.analytics import CountFilter, mix_of_all
from store.dead_letter_admin import DeadLetterState
from store.dead_letter_counts import count_up_to
from store.notices import current_notices
from store.overview import consumer_health
from store.own_work import own_work
from store.queue import remaining
from store.rejected import COUNTED, count_rejected
from store.routes import QueueOrder
from store.search import CommentFilter

RECENT = timedelta(hours=24)
OWN_WORK = timedelta(days=30)


class HomePage(Page):
    """Notices, and counts that link to the page for the work."""

    path = "/"
    any_role: ClassVar[bool] = True
    menu_label = lazy_gettext("Home")
    icon = "fa-solid fa-house"
    template: ClassVar[str] = "home.html"

    async def context(self, request: Request) -> Mapping[str, object]:
        """Return what the user's role may see."""
        services, identity = services_of(request), identity_of(request)
        if identity.role is Role.PLATFORM:
            return await _of_platform(services, identity)
        notices = await services.store.read(current_notices, services.now())
        await render_ahead(notice.body for notice in notices)
        shown: dict[str, object] = {
            "identity": identity,
            "trend": await read_trend(services),
            "trend_height": HEIGHT,
            "notices": [(notice, render_markdown(notice.body)) for notice in notices],
        }
        if identity.role.includes(Role.REVIEWER):
            shown |= await _work(services, identity.user_number)
        if identity.role.includes(Role.ADMIN):
            shown |= await _health(services)
        return shown


async def _of_platform(services: Services, identity: Identity) -> Mapping[str, object]:
    """Return what an account of a platform sees: nothing of other platforms, and no notices."""
    if identity.platform is None:
        raise HTTPException(403)
    return {
        "trend": await read_trend(services, identity.platform),
        "trend_height": HEIGHT,
        "platform": identity.platform,
        "rejected": sum((await services.store.read(count_rejected, identity.platform)).values()),
        "counted": COUNTED,
    }


async def _work(services: Services, reviewer: int) -> Mapping[str, object]:
    """Return the size of the review queue, the labels of the last 24 hours, and the reviewer's own work."""
    return {
        "own": await services.store.read(own_work, reviewer, services.now() - OWN_WORK),
        "waiting": await services.store.read(remaining, QueueOrder.UNCERTAIN, CommentFilter(uncertain=True)),
        "recent": await services.store.read(mix_of_all, CountFilter(created_from=services.now() - RECENT)),
    }


async def _health(services: Services) -> Mapping[str, object]:
    """Return accounts that wait for approval, consumer health and open dead letters."""
    letters = await services.store.read(count_up_to, COUNTED + 1)
    async with services.store.reading() as connection:
        waiting = await count_users(connection, UserFilter(state="waiting"))
    return {
        "waiting_accounts": waiting,
        "health": await services.store.read(consumer_health),
        "open_letters": letters[DeadLetterState.OPEN],
        "counted": COUNTED,
    }
