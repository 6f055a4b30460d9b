"""The models page: list models and activate one."""

from collections.abc import Mapping
from typing import ClassVar

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from api.admin.flash import flash
from api.admin.loaded_model import other_model
from api.admin.page import Page, identity_of, number_in_path, route, services_of
from api.i18n import gettext, lazy_gettext
from api.identity.roles import Role
from api.rest.models import read_models
from store.promotion import NoModelError, activate_model


class ModelsPage(Page):
    """Every model that is registered in this database."""

    path = "/models"
    menu_label = lazy_gettext("Models")
    icon = "fa-solid fa-microchip"
    role: ClassVar[Role | None] = Role.ADMIN
    template = "models.html"

    async def context(self, request: Request) -> Mapping[str, object]:
        """Return the models, newest first."""
        return {"models": await read_models(services_of(request)), "other_model": await other_model(request)}

    @route("/{number:int}/activate", methods=["POST"], name="model-activate")
    async def activate(self, request: Request) -> Response:
        """Activate a model, so that its labels are shown."""
        try:
            store, actor = services_of(request).store, identity_of(request).actor
            model = await store.write(activate_model, actor, number_in_path(request))
        except NoModelError:
            raise HTTPException(404) from None
        message = gettext("%(name)s is active. Restart the consumers and this server so that they load it.")
        flash(request, message % {"name": model.name}, "success")
        return RedirectResponse("/admin/models", 303)
