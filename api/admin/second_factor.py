"""The page for the user's own second factor: set it up, make recovery codes, turn it off."""

from collections.abc import Sequence
from typing import ClassVar

import segno
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from api.admin.flash import flash
from api.admin.page import Page, identity_of, route, services_of
from api.i18n import gettext, lazy_gettext
from api.identity import second_factor
from api.identity.accounts import contacts_of
from api.identity.roles import Role
from api.problems import ProblemError

HERE = "/admin/second-factor"


class SecondFactorPage(Page):
    """TOTP for accounts with a password. Its forms need a confirmed session."""

    path = "/second-factor"
    any_role: ClassVar[bool] = True
    menu_label = lazy_gettext("Second factor")
    add_to_menu = False
    before_enrolment = True
    template: ClassVar[str] = "second_factor.html"

    @route("")
    async def index(self, request: Request) -> Response:
        """Show whether the second factor is in use, or how to take it into use."""
        return await self._show(request)

    @route("/begin", methods=["POST"], name="second-factor-begin")
    async def begin(self, request: Request) -> Response:
        """Create a secret."""
        try:
            await second_factor.begin(services_of(request), identity_of(request))
        except ProblemError as problem:
            return await self._show(request, problem)
        return RedirectResponse(HERE, 303)

    @route("/confirm", methods=["POST"], name="second-factor-confirm")
    async def confirm(self, request: Request) -> Response:
        """Take the secret into use. Only this response has the recovery codes."""
        code = str((await request.form()).get("code", ""))
        try:
            codes = await second_factor.confirm(services_of(request), identity_of(request), code)
        except ProblemError as problem:
            return await self._show(request, problem)
        flash(request, gettext("You were signed out everywhere else."), "success")
        return await self._show(request, codes=codes)

    @route("/codes", methods=["POST"], name="second-factor-codes")
    async def make_codes(self, request: Request) -> Response:
        """Replace the recovery codes. Only this response has the new ones."""
        try:
            codes = await second_factor.new_recovery_codes(services_of(request), identity_of(request))
        except ProblemError as problem:
            return await self._show(request, problem)
        return await self._show(request, codes=codes)

    @route("/off", methods=["POST"], name="second-factor-off")
    async def turn_off(self, request: Request) -> Response:
        """Turn the second factor off."""
        try:
            await second_factor.turn_off(services_of(request), identity_of(request))
        except ProblemError as problem:
            return await self._show(request, problem)
        flash(request, gettext("The second factor is turned off."), "success")
        return RedirectResponse(HERE, 303)

    async def _show(self, request: Request, problem: ProblemError | None = None, codes: Sequence[str] = ()) -> Response:
        services, identity = services_of(request), identity_of(request)
        status = await second_factor.read_status(services, identity)
        shown = {
            "status": status,
            "codes": codes,
            "qr": _qr_code(status.enrolling[1]) if status.enrolling else None,
            "offered": contacts_of(services).offered and identity.opened_by == "password",
            "required": services.settings.admin_second_factor and identity.role is Role.ADMIN,
        }
        return self.render(request, shown, problem=problem)


def _qr_code(uri: str) -> Markup:
    """Return a QR code as SVG."""
    return Markup(segno.make(uri, error="m", micro=False).svg_inline(scale=5, dark="#000", light="#fff"))  # noqa: S704 - segno's own markup
