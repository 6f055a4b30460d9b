"""The notices pages for administrators; the home page shows current notices to all users."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import ClassVar

from pydantic import ValidationError
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from api.admin.flash import flash
from api.admin.page import Page, identity_of, number_in_path, number_or_none, route, services_of
from api.i18n import get_tzinfo, gettext, lazy_gettext
from api.identity.roles import Role
from api.limits import MEDIUM_BODY
from api.markdown import render_ahead, render_markdown
from api.rest.notice_schemas import MAXIMUM_BODY, NoticeRequest
from store import notices
from store.notices import Notice, NoticeState

STATE_WORDS = {
    NoticeState.CURRENT: lazy_gettext("Shown"),
    NoticeState.SCHEDULED: lazy_gettext("Scheduled"),
    NoticeState.ENDED: lazy_gettext("Ended"),
    NoticeState.WITHDRAWN: lazy_gettext("Withdrawn"),
}
LIST = "/admin/notices"


class NoticesPage(Page):
    """The list of notices, and the form to write or edit one."""

    path = "/notices"
    menu_label = lazy_gettext("Notices")
    icon = "fa-solid fa-bullhorn"
    role: ClassVar[Role | None] = Role.ADMIN
    maximum_body = MEDIUM_BODY
    template = "notices.html"

    async def context(self, request: Request) -> Mapping[str, object]:
        """Return one page of notices."""
        services, now = services_of(request), services_of(request).now()
        page = await services.store.read(
            notices.list_notices, before=number_or_none(request.query_params.get("before"))
        )
        rows = [(notice, notice.state(now)) for notice in page.items]
        return {"rows": rows, "state_words": STATE_WORDS, "next": page.next}

    @route("/new", name="notice-new")
    async def new(self, request: Request) -> Response:
        """Show an empty form."""
        return self._form(request, None, {})

    @route("/new", methods=["POST"], name="notice-add")
    async def add(self, request: Request) -> Response:
        """Show a preview or add the notice."""
        return await self._submit(request, None)

    @route("/{number:int}", name="notice-edit")
    async def edit(self, request: Request) -> Response:
        """Show the form of a notice."""
        notice = await self._read(request)
        typed = {
            "title": notice.title,
            "body": notice.body,
            "pinned": "on" if notice.pinned else "",
            "starts_at": _local(notice.starts_at),
            "ends_at": _local(notice.ends_at),
        }
        return self._form(request, notice, typed)

    @route("/{number:int}", methods=["POST"], name="notice-save")
    async def save(self, request: Request) -> Response:
        """Show a preview or save the notice."""
        return await self._submit(request, await self._read(request))

    @route("/{number:int}/{action:str}", methods=["POST"], name="notice-act")
    async def act(self, request: Request) -> Response:
        """Withdraw, restore or delete."""
        notice = await self._read(request)
        store, actor = services_of(request).store, identity_of(request).actor
        match request.path_params["action"]:
            case "withdraw":
                await store.write(notices.withdraw_notice, actor, notice.number)
                message = gettext("The notice was withdrawn: nobody sees it any more.")
            case "restore":
                await store.write(notices.restore_notice, actor, notice.number)
                message = gettext("The notice was restored and follows its schedule again.")
            case "delete":
                await store.write(notices.delete_notice, actor, notice.number)
                message = gettext("The notice was deleted.")
            case _:
                raise HTTPException(404)
        flash(request, message, "success")
        return RedirectResponse(LIST, 303)

    async def _submit(self, request: Request, notice: Notice | None) -> Response:
        form = await request.form()
        typed = {name: str(value) for name, value in form.items() if isinstance(value, str)}
        try:
            submitted = _parse(form)
        except ValidationError as error:
            return self._form(request, notice, typed, errors=_field_errors(error))
        if "preview" in typed:
            await render_ahead([submitted.body])
            return self._form(request, notice, typed, preview=submitted)
        services, actor = services_of(request), identity_of(request).actor
        text = submitted.as_text(services.now())
        if notice is None:
            await services.store.write(notices.add_notice, actor, text)
        elif await services.store.write(notices.edit_notice, actor, notice.number, text) is None:
            raise HTTPException(404)
        flash(request, gettext("The notice was saved."), "success")
        return RedirectResponse(LIST, 303)

    async def _read(self, request: Request) -> Notice:
        notice = await services_of(request).store.read(notices.read_notice, number_in_path(request))
        if notice is None:
            raise HTTPException(404)
        return notice

    def _form(
        self,
        request: Request,
        notice: Notice | None,
        typed: Mapping[str, str],
        *,
        errors: Mapping[str, str] | None = None,
        preview: NoticeRequest | None = None,
    ) -> Response:
        shown = {
            "title": gettext("Edit the notice") if notice else gettext("New notice"),
            "notice": notice,
            "typed": typed,
            "errors": errors or {},
            "preview": preview and {"title": preview.title, "html": render_markdown(preview.body)},
            "maximum": MAXIMUM_BODY,
        }
        return self.render(request, shown, template="notice_form.html", status=422 if errors else 200)


def _parse(form: FormData) -> NoticeRequest:
    """Parse the form. Raises ValidationError."""
    return NoticeRequest.model_validate(
        {
            "title": form.get("title", ""),
            "body": str(form.get("body", "")).replace("\r\n", "\n"),
            "pinned": bool(form.get("pinned")),
            "starts_at": _aware(form.get("starts_at")),
            "ends_at": _aware(form.get("ends_at")),
        }
    )


def _aware(typed: object) -> datetime | str | None:
    """Parse a form's time, which is in the request's time zone; return an invalid one unchanged for validation."""
    if not isinstance(typed, str) or not typed:
        return None
    try:
        return datetime.fromisoformat(typed).replace(tzinfo=get_tzinfo()).astimezone(UTC)
    except (ValueError, OverflowError):
        return typed


def _local(time: datetime | None) -> str:
    """Format a time for a datetime-local field."""
    return "" if time is None else time.astimezone(get_tzinfo()).strftime("%Y-%m-%dT%H:%M")


def _field_errors(error: ValidationError) -> dict[str, str]:
    """Return error messages by field."""
    sentences = {
        "title": gettext("Enter a title of 1 to 200 characters."),
        "body": gettext("Use at most 20,000 characters."),
        "starts_at": gettext("Enter a valid date and time."),
        "ends_at": gettext("Enter a valid date and time."),
    }
    found = {str(one["loc"][0]) if one["loc"] else "order" for one in error.errors()}
    errors = {field: sentences[field] for field in found if field in sentences}
    if "order" in found:
        errors["ends_at"] = gettext("The end must be after the start.")
    return errors
