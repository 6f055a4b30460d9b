"""Why a file cannot be read, as one sentence that can be translated."""

from typing import Literal

from liuyan.errors import UsageError

# What a reader of the file can say to have it read.
Needs = Literal["column", "label_column", "encoding"]


class TextFileError(UsageError):
    """A file cannot be read; ``sentence`` is the template of the message and ``values`` are what it is filled with.

    ``needs`` is what would help. How to say it differs between commands, REST and the page, so each adds its own hint.
    """

    def __init__(self, sentence: str, *, needs: Needs | None = None, **values: object) -> None:
        self.sentence = sentence
        self.needs = needs
        self.values = values
        super().__init__(sentence % values)
