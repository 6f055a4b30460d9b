"""Texts in the two languages of the dashboards."""

from dataclasses import dataclass
from enum import StrEnum


class Language(StrEnum):
    """A language of the dashboards; the value is the name of its folder."""

    EN = "en"
    ZH = "zh"


@dataclass(frozen=True, slots=True)
class Text:
    """The same text in English and in Chinese."""

    en: str
    zh: str

    def __getitem__(self, language: Language) -> str:
        return self.en if language is Language.EN else self.zh


def same(text: str) -> Text:
    """Return a text that is the same in both languages, such as a label's value."""
    return Text(text, text)
