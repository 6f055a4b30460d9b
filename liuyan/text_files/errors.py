"""The error for a file that cannot be read, with a translatable message."""

from typing import Literal

from liuyan.errors import UsageError

# The option that would help to read the file.
Needs = Literal["column", "label_column", "encoding"]


class TextFileError(UsageError):
    """A file cannot be read; ``sentence`` is the message template and ``values`` fill its placeholders.

    ``needs`` is the option that would help. Commands, REST and the admin app add their own hints for it.
    """

    def __init__(self, sentence: str, *, needs: Needs | None = None, **values: object) -> None:
        self.sentence = sentence
        self.needs = needs
        self.values = values
        super().__init__(sentence % values)
