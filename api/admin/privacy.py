"""The privacy page for administrators: export and erase what is stored about an author."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import ClassVar

from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from api.admin.flash import flash
from api.admin.page import Page, identity_of, route, services_of
from api.i18n import gettext, lazy_gettext
from api.identity import confirmation
from api.identity.roles import Role
from api.person_exports import send_author
from api.problems import ProblemError
from api.rest.author_schemas import AuthorQuery
from store.author_erasures import ErasureState, list_erasures, order_erasure

LIST = "/admin/privacy"
STATE_WORDS = {
    ErasureState.REQUESTED: lazy_gettext("Erasure requested"),
    ErasureState.RUNNING: lazy_gettext("Erasing"),
    ErasureState.DONE: lazy_gettext("Done"),
}


class PrivacyPage(Page):
    """The form to export or erase an author, and the requests."""

    path = "/privacy"
    menu_label = lazy_gettext("Privacy")
    icon = "fa-solid fa-user-shield"
    role: ClassVar[Role | None] = Role.ADMIN
    template = "privacy.html"

    async def context(self, request: Request) -> Mapping[str, object]:
        """Return the newest requests."""
        found = await services_of(request).store.read(list_erasures)
        return {"requests": found, "states": STATE_WORDS, "typed": {}, "identity": identity_of(request)}

    @route("", methods=["POST"], name="privacy-erase")
    async def erase(self, request: Request) -> Response:
        """Order the erasure of an author."""
        form = await request.form()
        typed = {name: value for name, value in form.items() if isinstance(value, str)}
        try:
            confirmation.require_confirmed(identity_of(request), services_of(request).now())
            author = _parse(typed).to_author()
        except ProblemError as problem:
            context = {**(await self.context(request)), "typed": typed}
            return self.render(request, context, problem=problem)
        await services_of(request).store.write(order_erasure, identity_of(request).actor, author)
        flash(request, gettext("Erasure requested. A running consumer processes it."), "success")
        return RedirectResponse(LIST, 303)

    @route("/export", name="privacy-export")
    async def export(self, request: Request) -> Response:
        """Download what is stored about an author."""
        try:
            author = _parse(request.query_params).to_author()
        except ProblemError:
            raise HTTPException(422) from None
        return await send_author(services_of(request), identity_of(request).actor, author)


def _parse(typed: Mapping[str, str]) -> AuthorQuery:
    """Parse the form. Raises ProblemError, 422."""
    try:
        return AuthorQuery(platform=typed.get("platform", "").strip(), author=typed.get("author", ""))
    except ValidationError as error:
        field = str(error.errors()[0]["loc"][0])
        detail = {
            "platform": gettext("A platform has 1 to 32 of the characters a-z, 0-9, _ and -."),
            "author": gettext("Enter the author's name, at most 128 characters."),
        }[field]
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, f"invalid_{field}", detail, field=field) from None
