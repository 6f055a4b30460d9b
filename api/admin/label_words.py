"""Texts for labels and label sources."""

from api.i18n import lazy_gettext
from store.comments import LabelSource, ShownLabel

LABEL_WORDS: dict[str, str] = {
    ShownLabel.POSITIVE: lazy_gettext("Positive"),
    ShownLabel.NEGATIVE: lazy_gettext("Negative"),
    ShownLabel.UNCLEAR: lazy_gettext("Unclear"),
    ShownLabel.SPAM: lazy_gettext("Spam"),
}
# Replaces the label if the model is uncertain and nobody has reviewed the comment.
UNCERTAIN_WORDS: dict[str, str] = {
    ShownLabel.POSITIVE: lazy_gettext("Uncertain (leaning positive)"),
    ShownLabel.NEGATIVE: lazy_gettext("Uncertain (leaning negative)"),
}
SOURCE_WORDS: dict[str, str] = {
    LabelSource.REVIEW: lazy_gettext("by a person"),
    LabelSource.ACTIVE_MODEL: lazy_gettext("by the active model"),
    LabelSource.OTHER_MODEL: lazy_gettext("by another model"),
}
