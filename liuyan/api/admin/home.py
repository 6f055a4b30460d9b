"""The home page: what everybody should know, and what waits to be done."""

from collections.abc import Mapping
from typing import ClassVar

from starlette.requests import Request
from starlette_admin.i18n import lazy_gettext

from liuyan.api.admin.page import Page, identity_of


class HomePage(Page):
    """Notices, and numbers that lead to the page where something can be done about them."""

    path = "/"
    menu_label = lazy_gettext("Home")
    icon = "fa-solid fa-house"
    template: ClassVar[str] = "home.html"

    async def context(self, request: Request) -> Mapping[str, object]:
        """Who asks."""
        return {"identity": identity_of(request)}
