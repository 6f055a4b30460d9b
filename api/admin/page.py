"""What every page of the admin app is made of: a role, a place in the menu, a template and its context."""

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
    """Have a method of a page answer at ``path`` below the page's own; templates link to it by ``name``."""

    def mark(handler: _Handler) -> _Handler:
        vars(handler)[_OPTIONS] = _Options(path, tuple(methods), name)
        return handler

    return mark


class PageRoute(Route):
    """A route that knows its page, which the gate asks who may pass."""

    def __init__(
        self, path: str, endpoint: Callable[[Request], Awaitable[Response]], options: _Options, page: "Page"
    ) -> None:
        super().__init__(path, endpoint, methods=options.methods, name=options.name)
        self.page = page


class Page:
    """A page in the layout. A subclass names its path, its template and the least role, and gives its context.

    Another method with ``@route("/more")`` answers below the page's path, for the same role; a method that overrides
    one with a route answers in its place. A page whose role is None is public; one that names no role needs a session.
    """

    path: ClassVar[str]
    role: ClassVar[Role | None] = Role.USER
    maximum_body: ClassVar[int] = SMALL_BODY
    template: ClassVar[str]
    menu_label: ClassVar[str] = ""
    icon: ClassVar[str] = ""
    add_to_menu: ClassVar[bool] = True
    # Whether people who must change their password first may open it.
    before_password_change: ClassVar[bool] = False

    def routes(self) -> list[PageRoute]:
        """A route for each method with ``@route``, in the order of the source; ``index`` is named after the path."""
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
        """Whether the client has the page's role; without it the menu omits the page, and its address answers 403."""
        if self.role is None:
            return True
        identity: Identity | None = request.state.identity
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
        self,
        request: Request,
        context: Mapping[str, object],
        *,
        template: str | None = None,
        status: int = 200,
        problem: ProblemError | None = None,
    ) -> Response:
        """The page's template, or another one, with its title, its messages and ``context``.

        With a ``problem`` the template shows that too, and the answer has its status and headers.
        """
        templates: Templates = request.app.state.templates
        shown = {"title": self.menu_label, "problem": problem, **context}
        response = templates.render(
            request, template or self.template, shown, status=problem.status if problem else status
        )
        response.headers.update((problem and problem.headers) or {})
        return response


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
