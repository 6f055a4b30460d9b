"""Labels and where they come from, in the words that people read; templates find them as ``label_words``."""

from api.i18n import lazy_gettext
from store.comments import LabelSource, ShownLabel

LABEL_WORDS: dict[str, str] = {
    ShownLabel.POSITIVE: lazy_gettext("Positive"),
    ShownLabel.NEGATIVE: lazy_gettext("Negative"),
    ShownLabel.UNCLEAR: lazy_gettext("Unclear"),
    ShownLabel.SPAM: lazy_gettext("Spam"),
}
# What stands in place of the label where the model is uncertain and nobody has reviewed the comment.
UNCERTAIN_WORDS: dict[str, str] = {
    ShownLabel.POSITIVE: lazy_gettext("Uncertain (leaning positive)"),
    ShownLabel.NEGATIVE: lazy_gettext("Uncertain (leaning negative)"),
}
SOURCE_WORDS: dict[str, str] = {
    LabelSource.REVIEW: lazy_gettext("by a person"),
    LabelSource.ACTIVE_MODEL: lazy_gettext("by the active model"),
    LabelSource.OTHER_MODEL: lazy_gettext("by another model"),
}
