"""The review page, which shows one comment at a time; its script leases comments from the REST API."""

from collections.abc import Mapping
from typing import ClassVar
from urllib.parse import urlencode

from starlette.requests import Request

from api.admin.comment_filters import filter_form
from api.admin.label_words import LABEL_WORDS, SOURCE_WORDS, UNCERTAIN_WORDS
from api.admin.page import Page, identity_of, services_of
from api.admin.typed_filter import TypedFilter, typed_filter
from api.i18n import gettext, lazy_gettext
from api.identity.accounts import read_user
from api.identity.review_settings import NumberKeys, number_keys_of, quick_reasons_of
from api.identity.roles import Role
from api.rest.comment_schemas import CommentFields
from api.rest.review_schemas import VERDICT_FIELDS, QueueName
from api.rest.reviews import count_unlabelled_of
from store.comments import LabelSource

QUEUE_WORDS = {
    QueueName.UNCERTAIN: lazy_gettext("Most uncertain first"),
    QueueName.AUDIT: lazy_gettext("Random audit"),
    QueueName.SECOND_OPINION: lazy_gettext("Second opinion"),
    QueueName.DISPUTED: lazy_gettext("Disputed"),
}


class ReviewPage(Page):
    """Queue and filter are in the URL, so they can be bookmarked."""

    role = Role.REVIEWER
    path = "/review"
    menu_label = lazy_gettext("Review")
    icon = "fa-solid fa-check-double"
    template: ClassVar[str] = "review.html"

    async def context(self, request: Request) -> Mapping[str, object]:
        """Return the chosen queue, the filter and the script's texts."""
        queue = _queue(request)
        typed = typed_filter(request, CommentFields)
        user = await read_user(services_of(request), identity_of(request).user_number)
        number_keys = number_keys_of(user.number_keys)
        return {
            "queue": queue,
            "explanation": _explanation(queue),
            "unlabelled": await _unlabelled(request, queue, typed),
            "nothing": _nothing(queue, bool(typed.values)),
            **await filter_form(request, typed),
            "queue_words": QUEUE_WORDS,
            "kept": urlencode(typed.values),
            "keys": _keys(queue, number_keys),
            "quick_reasons": quick_reasons_of(user.quick_reasons),
            "settings": {"numberKeys": number_keys},
            "lease_request": _lease_request(queue, typed),
            "script_words": _script_words(),
        }


async def _unlabelled(request: Request, queue: QueueName, typed: TypedFilter[CommentFields]) -> int:
    """Return how many comments are missing in the queue because the active model has not labelled them."""
    if queue is not QueueName.UNCERTAIN or typed.problems:
        return 0
    fields = typed.fields or CommentFields.model_construct()
    return await count_unlabelled_of(services_of(request), fields.to_filter())


def _queue(request: Request) -> QueueName:
    name = request.query_params.get("queue", "")
    return QueueName(name) if name in list(QueueName) else QueueName.UNCERTAIN


def _lease_request(queue: QueueName, typed: TypedFilter[CommentFields]) -> dict[str, object] | None:
    """Return the queue and filter for the script's requests; None if the filter is invalid.

    The audit ignores filters on the model's prediction because they would reveal it.
    """
    if typed.problems:
        return None
    fields = typed.fields.model_dump(mode="json", exclude_none=True) if typed.fields else {}
    hidden = VERDICT_FIELDS if queue is QueueName.AUDIT else ()
    return {"queue": queue, "filter": {name: value for name, value in fields.items() if name not in hidden}}


def _explanation(queue: QueueName) -> str:
    return {
        QueueName.UNCERTAIN: gettext("The model is least sure about these: your decisions help it most."),
        QueueName.AUDIT: gettext(
            "A random sample of all comments. The model's result is hidden: your decisions show how often it is right."
        ),
        QueueName.SECOND_OPINION: gettext(
            "Others have decided these and you have not. Their labels are shown after yours, so that they do not "
            "influence you; both are kept."
        ),
        QueueName.DISPUTED: gettext(
            "Two reviewers disagree on these. You see both opinions without names, and your decision counts."
        ),
    }[queue]


def _nothing(queue: QueueName, filtered: bool) -> dict[str, str]:
    """Return title and advice for an empty queue."""
    if queue is QueueName.SECOND_OPINION and not filtered:
        advice = gettext("Check again when others have reviewed more, or continue with another queue.")
        return {"title": gettext("No comments need a second opinion"), "advice": advice}
    if queue is QueueName.DISPUTED and not filtered:
        advice = gettext("Comments appear here when two reviewers disagree, for someone who has not decided them yet.")
        return {"title": gettext("There are no disputes to resolve"), "advice": advice}
    if filtered:
        advice = gettext("Widen the filter, or continue with another queue.")
        return {"title": gettext("No waiting comments match"), "advice": advice}
    advice = gettext("New comments arrive while consumers run. Check again later, or continue with another queue.")
    return {"title": gettext("The queue is empty"), "advice": advice}


def _keys(queue: QueueName, number_keys: NumberKeys) -> list[tuple[str, str]]:
    label_words = gettext("Save as: %(label)s") if number_keys == "save" else gettext("Select: %(label)s")
    stores = (
        gettext("Save the selected label")
        if queue in (QueueName.AUDIT, QueueName.DISPUTED)
        else gettext("Save the selected label, or the model's if none is selected")
    )
    return [
        *((str(number), label_words % {"label": words}) for number, words in enumerate(LABEL_WORDS.values(), 1)),
        ("Enter", stores),
        ("R", gettext("Enter a reason")),
        ("Esc", gettext("Leave the reason field; its text stays")),
        ("S", gettext("Skip this comment: somebody else may decide")),
        ("Z", gettext("Undo the last decision")),
        ("?", gettext("Show the keys")),
    ]


def _script_words() -> dict[str, object]:
    labels = {label: str(words) for label, words in LABEL_WORDS.items()}
    return {
        "labels": labels,
        "accept": {label: gettext("Save: %(label)s") % {"label": words} for label, words in labels.items()},
        "acceptModel": {
            label: gettext("Accept the model's label: %(label)s") % {"label": words} for label, words in labels.items()
        },
        "chosen": {label: gettext("Selected: %(label)s") % {"label": words} for label, words in labels.items()},
        "stored": {label: gettext("Saved as %(label)s.") % {"label": words} for label, words in labels.items()},
        "alsoSaid": {
            label: gettext("On the previous comment, you and the other reviewer agree: %(label)s.") % {"label": words}
            for label, words in labels.items()
        },
        "hadSaid": gettext("On the previous comment, the other reviewer chose {theirs} and you chose {yours}."),
        "chooseFirst": gettext("Select a label first"),
        "skipped": gettext("Skipped."),
        "undone": {
            **{
                label: gettext("Undone: “%(label)s” is removed. Decide this comment again.") % {"label": words}
                for label, words in labels.items()
            },
            "skip": gettext("Undone: the comment that you skipped is back."),
        },
        "undoneForAll": {
            label: gettext("Undone for all {n} comments: “%(label)s” is removed. Decide this text again.")
            % {"label": words}
            for label, words in labels.items()
        },
        "notUndone": gettext(
            "It could not be undone: the comment was edited or erased, or the decision was undone already."
        ),
        "nothingToUndo": gettext("There is nothing to undo."),
        "next": gettext("Next comment:"),
        "erased": gettext("The comment was erased in the meantime: there is nothing left to decide."),
        "editedNext": gettext(
            "A comment was edited while you reviewed it, and your decision was not saved: it comes next, with its "
            "new text."
        ),
        "comesNext": gettext("The decision was not saved: the comment comes next, decide again."),
        "fetchAgain": gettext("Retrying automatically."),
        "sending": gettext("Saving {n} …"),
        "allStored": gettext("All saved"),
        "notSent": gettext(
            "{n} not saved yet: the server is not responding. Retrying automatically; keep this page open."
        ),
        "signedOut": gettext("{n} not saved yet: you were signed out. Sign in in another tab, then try again here."),
        "signedOutEmpty": gettext(
            "You were signed out: sign in in another tab, then this page continues automatically."
        ),
        "occurrences": gettext("{n} occurrences"),
        "decidedBefore": gettext("Previous decision:"),
        "edited": gettext("edited"),
        "author": gettext("by"),
        "thread": gettext("in"),
        "history": gettext("History"),
        "pace": gettext("about {n} an hour"),
        "minutesLeft": gettext("about {n} min left"),
        "hoursLeft": gettext("about {n} h left"),
        "more": gettext("some, not counted"),
        "model": gettext("The model says:"),
        "leanings": {label: str(words) for label, words in UNCERTAIN_WORDS.items()},
        "probability": gettext("{percent} probability of positive"),
        "otherModel": str(SOURCE_WORDS[LabelSource.OTHER_MODEL]),
        "noModel": gettext("No model has labelled this text yet."),
        "hiddenModel": gettext("The model's result is hidden so that it does not influence you."),
        "goal": gettext("{judged} blind decisions so far. About {more} more narrow the accuracy to ±5 points."),
        "goalReached": gettext("{judged} blind decisions so far: the accuracy is known to within ±5 points."),
        "withdrawn": gettext("withdrawn"),
        "replaced": gettext("replaced"),
    }
