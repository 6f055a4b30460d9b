"""The base class of pages, with their routes, role, menu entry and template."""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, TypeVar

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.admin.templating import Templates
from api.identity.identity import Identity
from api.identity.roles import Role
from api.limits import SMALL_BODY
from api.problems import ProblemError
from api.services import Services
from store.types import LARGEST_NUMBER

_Handler = TypeVar("_Handler", bound=Callable[..., Awaitable[Response]])
_OPTIONS = "route_options"


@dataclass(frozen=True, slots=True)
class _Options:
    path: str
    methods: tuple[str, ...]
    name: str | None


def route(path: str, *, methods: Sequence[str] = ("GET",), name: str | None = None) -> Callable[[_Handler], _Handler]:
    """Make a method of a page handle ``path`` below the page's path; templates link to it by ``name``."""

    def mark(handler: _Handler) -> _Handler:
        vars(handler)[_OPTIONS] = _Options(path, tuple(methods), name)
        return handler

    return mark


class PageRoute(Route):
    """A route with its page, which the gate asks for permission."""

    def __init__(
        self, path: str, endpoint: Callable[[Request], Awaitable[Response]], options: _Options, page: "Page"
    ) -> None:
        super().__init__(path, endpoint, methods=options.methods, name=options.name)
        self.page = page


class Page:
    """A page in the layout. A subclass defines path, template, minimum role and context.

    A method with ``@route("/more")`` handles a path below the page's path and needs the same role. A method that
    overrides one with a route also takes over its route. A page whose role is None is public; by default a page needs a
    session.
    """

    path: ClassVar[str]
    role: ClassVar[Role | None] = Role.USER
    maximum_body: ClassVar[int] = SMALL_BODY
    template: ClassVar[str]
    menu_label: ClassVar[str] = ""
    icon: ClassVar[str] = ""
    add_to_menu: ClassVar[bool] = True
    # Whether accounts with any role may open the page, even those of a platform.
    any_role: ClassVar[bool] = False
    # Whether users who must change their password may open the page.
    before_password_change: ClassVar[bool] = False
    # Whether users who must set up a second factor may open the page.
    before_enrolment: ClassVar[bool] = False

    def routes(self) -> list[PageRoute]:
        """Return a route for each method with ``@route``, in source order; ``index`` is named after the path."""
        found: dict[str, _Options] = {}
        for kind in reversed(type(self).__mro__):
            for name, member in vars(kind).items():
                if isinstance(options := getattr(member, _OPTIONS, None), _Options):
                    found[name] = options
        own_name = self.path.strip("/").replace("/", "-") or "index"
        return [
            PageRoute(
                self.path + options.path,
                getattr(self, name),
                _Options(options.path, options.methods, own_name if name == "index" else options.name),
                self,
            )
            for name, options in found.items()
        ]

    def is_accessible(self, request: Request) -> bool:
        """Return whether the client has the page's role. Otherwise the menu omits the page and its URL returns 403."""
        if self.role is None:
            return True
        identity: Identity | None = request.state.identity
        return identity is not None and (self.any_role or identity.role.includes(self.role))

    def is_active(self, request: Request) -> bool:
        """Return whether the request is for this page or a path below it, so that the menu marks the page."""
        path = request.scope["path"].removeprefix(request.scope["root_path"]).rstrip("/")
        own = self.path.rstrip("/")
        return bool(path == own or (own and path.startswith(f"{own}/")))

    @route("")
    async def index(self, request: Request) -> Response:
        """Show the page."""
        return self.render(request, await self.context(request))

    async def context(self, request: Request) -> Mapping[str, object]:
        """Return the template's context. Raises HTTPException and store errors, which become error pages."""
        return {}

    def render(
        self,
        request: Request,
        context: Mapping[str, object],
        *,
        template: str | None = None,
        status: int = 200,
        problem: ProblemError | None = None,
    ) -> Response:
        """Render ``template``, by default the page's own, with the title, flash messages and ``context``.

        The template also shows ``problem``, and the response has its status and headers.
        """
        templates: Templates = request.app.state.templates
        shown = {"title": self.menu_label, "problem": problem, **context}
        response = templates.render(
            request, template or self.template, shown, status=problem.status if problem else status
        )
        response.headers.update((problem and problem.headers) or {})
        return response


def services_of(request: Request) -> Services:
    """Return the app's services, such as the store and the model."""
    services: Services = request.app.state.services
    return services


def identity_of(request: Request) -> Identity:
    """Return the client's identity on a page with a role. Raises HTTPException 401 without one."""
    identity: Identity | None = getattr(request.state, "identity", None)
    if identity is None:
        raise HTTPException(401)
    return identity


def number_in_path(request: Request, name: str = "number") -> int:
    """Return the row number in the URL's path. Raises HTTPException 404 if it is too large for a row."""
    number: int = request.path_params[name]
    if number > LARGEST_NUMBER:
        raise HTTPException(404)
    return number


def number_or_none(text: object) -> int | None:
    """Parse a row number from a form or a URL; return None if it is invalid."""
    if not isinstance(text, str) or not re.fullmatch("[0-9]{1,19}", text):
        return None
    number = int(text)
    return number if number <= LARGEST_NUMBER else None
