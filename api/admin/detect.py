"""The detection page: label one comment or a file of comments without storing them."""

from collections.abc import Mapping
from typing import ClassVar

from starlette.requests import Request

from api.admin.label_words import LABEL_WORDS, UNCERTAIN_WORDS
from api.admin.loaded_model import other_model
from api.admin.page import Page
from api.i18n import gettext, lazy_gettext
from api.limits import MAXIMUM_BODY
from api.rest.predict_schemas import MAXIMUM_FILE_LINES, MAXIMUM_TEXT


class DetectPage(Page):
    """Two forms that call the REST API: one comment with word contributions, many with a table and a download."""

    path = "/detect"
    menu_label = lazy_gettext("Text detection")
    icon = "fa-solid fa-magnifying-glass"
    template: ClassVar[str] = "detect.html"

    async def context(self, request: Request) -> Mapping[str, object]:
        """Return the limits and the script's texts."""
        return {
            "other_model": await other_model(request),
            "maximum_text": MAXIMUM_TEXT,
            "maximum_lines": MAXIMUM_FILE_LINES,
            "maximum_mebibytes": MAXIMUM_BODY // 2**20,
            "labels": _labels(),
            "script_words": _script_words(),
            "limits": {"bytes": MAXIMUM_BODY},
        }


def _labels() -> dict[str, str]:
    return {label: str(words) for label, words in LABEL_WORDS.items()}


def _script_words() -> Mapping[str, object]:
    return {
        "labels": _labels(),
        "probability": gettext("%(percent)s probability of positive"),
        "leanings": {label: str(words) for label, words in UNCERTAIN_WORDS.items()},
        "speaksPositive": gettext("points to positive"),
        "speaksNegative": gettext("points to negative"),
        "kept": gettext("Thank you. It will be saved as a comment of platform detect, labelled “%(label)s” by you."),
        "working": gettext("%(done)s of %(total)s"),
        "reading": gettext("Reading the file …"),
        "done": gettext("All %(total)s comments are labelled."),
        "cancelled": gettext("Cancelled after %(done)s of %(total)s comments; the results so far stay in the table."),
        "cutOff": gettext(
            "The connection was lost after %(done)s of %(total)s comments: press the button to start again."
        ),
        "tooLarge": gettext("The file has more than %(mebibytes)s MiB: send it in several parts.")
        % {"mebibytes": MAXIMUM_BODY // 2**20},
        "summary": gettext("%(positive)s positive · %(negative)s negative · %(uncertain)s uncertain"),
        "shown": gettext("%(shown)s of %(total)s shown"),
        "column": gettext("Column %(number)s"),
        "chooseColumn": gettext("Choose the column with the comments."),
        "closer": gettext("Analyse words"),
        "closerAt": gettext("Analyse the words of row %(row)s"),
        "layouts": {
            "csv": gettext("Read column %(column)s “%(name)s”; the first row is a header. Encoding: %(encoding)s."),
            "unnamed": gettext("Read column %(column)s; the first row is a comment. Encoding: %(encoding)s."),
            "jsonl": gettext("Read the field “%(name)s”. Encoding: %(encoding)s."),
            "lines": gettext("Read each line as a comment. Encoding: %(encoding)s."),
            "separator": gettext("Separator: %(separator)s."),
            "empty": gettext("Rows without text, not labelled: %(empty)s."),
        },
        "separators": {
            ",": gettext("comma"),
            ";": gettext("semicolon"),
            "\t": gettext("tab"),
            "|": gettext("vertical bar"),
        },
        "hints": {
            "query.column": gettext("Choose the column in the field “Column with the comments”."),
            "header.content-type": gettext("Save it as UTF-8."),
        },
        # The space between two sentences, which Chinese does not have.
        "sentenceGap": gettext("%(first)s %(second)s") % {"first": "", "second": ""},
        "fileName": gettext("labelled-comments.csv"),
    }
