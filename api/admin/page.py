"""What every page of the admin app is made of: a role, a place in the menu, a template and its context."""

import re
from collections.abc import Mapping
from typing import ClassVar

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette_admin import CustomView, route
from starlette_admin.flash import get_flashed_messages

from api.identity.identity import Identity
from api.identity.roles import Role
from api.limits import SMALL_BODY
from api.services import Services
from store.types import LARGEST_NUMBER


class Page(CustomView):
    """A page in the layout. A subclass names its path, its template and the least role, and gives its context.

    Another method with ``@route("/more")`` answers below the page's path, for the same role. A page without a role is
    for everybody: decorate its ``index`` with ``login_not_required`` of starlette_admin.auth.
    """

    role: ClassVar[Role | None] = Role.USER
    maximum_body: ClassVar[int] = SMALL_BODY
    template: ClassVar[str]

    def __init__(self) -> None:
        super().__init__(route_name=self.route_name or self.path.strip("/").replace("/", "-") or "index")

    def is_accessible(self, request: Request) -> bool:
        """Whether who asks has the page's role; the menu leaves out what is not, and the address answers 403."""
        if self.role is None:
            return True
        identity: Identity | None = getattr(request.state, "identity", None)
        return identity is not None and identity.role.includes(self.role)

    def is_active(self, request: Request) -> bool:
        """Whether the menu marks this page: on what lies below its path too."""
        path = request.scope["path"].removeprefix(request.scope["root_path"]).rstrip("/")
        own = self.path.rstrip("/")
        return bool(path == own or (own and path.startswith(f"{own}/")))

    @route("")
    async def index(self, request: Request) -> Response:
        """The page itself."""
        return self.render(request, await self.context(request))

    async def context(self, request: Request) -> Mapping[str, object]:
        """What the template shows. Raises HTTPException, and the store's errors, which become a page of their own."""
        return {}

    def render(
        self, request: Request, context: Mapping[str, object], *, template: str | None = None, status: int = 200
    ) -> Response:
        """The page's template, or another one, with its title, its messages and ``context``."""
        if self.templates is None:
            raise RuntimeError(f"{type(self).__name__} is not mounted")
        shown = {"title": self.title(request), "page": self, "flashed_messages": get_flashed_messages(request)}
        return self.templates.TemplateResponse(
            request, template or self.template, {**shown, **context}, status_code=status
        )


def services_of(request: Request) -> Services:
    """What the app works with: the store, the model and the like."""
    services: Services = request.app.state.services
    return services


def identity_of(request: Request) -> Identity:
    """Who asks, on a page that has a role."""
    identity: Identity | None = getattr(request.state, "identity", None)
    if identity is None:
        raise HTTPException(401)
    return identity


def number_in_path(request: Request, name: str = "number") -> int:
    """The row's number in the page's path. Raises HTTPException 404 for one that no row can have."""
    number: int = request.path_params[name]
    if number > LARGEST_NUMBER:
        raise HTTPException(404)
    return number


def number_or_none(text: object) -> int | None:
    """A row's number that a form or an address holds; None where it holds something else."""
    if not isinstance(text, str) or not re.fullmatch("[0-9]{1,19}", text):
        return None
    number = int(text)
    return number if number <= LARGEST_NUMBER else None
