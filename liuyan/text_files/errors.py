"""Why a file cannot be read, as one sentence that can be translated."""

from liuyan.errors import UsageError


class TextFileError(UsageError):
    """A file cannot be read; ``sentence`` is the template of the message and ``values`` are what it is filled with."""

    def __init__(self, sentence: str, **values: object) -> None:
        self.sentence = sentence
        self.values = values
        super().__init__(sentence % values)
