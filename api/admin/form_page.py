"""The base class of pages with a single form."""

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

from api.admin.page import Page, route
from api.problems import ProblemError


class FormPage(Page):
    """GET shows the form; POST submits it or, on a problem, shows it again.

    A subclass overrides ``perform`` and ``form_context``.
    """

    @route("")
    async def index(self, request: Request) -> Response:
        """Show the empty form."""
        return await self._show(request, {})

    @route("", methods=["POST"])
    async def submit(self, request: Request) -> Response:
        """Submit the form."""
        typed = {name: value for name, value in (await request.form()).items() if isinstance(value, str)}
        try:
            return await self.perform(request, typed)
        except ProblemError as problem:
            return await self._show(request, typed, problem)

    async def perform(self, request: Request, typed: Mapping[str, str]) -> Response:
        """Carry out the request. Raises ProblemError, which the form then shows."""
        raise NotImplementedError

    async def form_context(self, request: Request, typed: Mapping[str, str]) -> Mapping[str, object]:
        """Return the template's context in addition to ``problem``, ``next`` and ``typed``."""
        return {}

    async def _show(self, request: Request, typed: Mapping[str, str], problem: ProblemError | None = None) -> Response:
        shown = {
            # Never send a password back: the browser may store the page.
            "typed": {name: value for name, value in typed.items() if "password" not in name},
            "next": request.query_params.get("next", ""),
            **await self.form_context(request, typed),
        }
        return self.render(request, shown, problem=problem)
