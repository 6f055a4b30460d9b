"""Errors that users can fix, with one sentence that explains the error and what to do."""


class LiuyanError(Exception):
    """An error that the user can fix; it is shown without a traceback.

    ``lines`` are the message and further lines to show below it, such as the end of a log. A line feed within a line
    comes from foreign text and is escaped. ``exit_status`` is the command's exit status: 1 for a failure, 2 for wrong
    usage or a wrong setting.
    """

    exit_status = 1

    def __init__(self, message: str = "", *further: str) -> None:
        super().__init__("\n".join((message, *further)))
        self.lines = (message, *further)


class SettingsError(LiuyanError):
    """A setting is missing, unknown or invalid."""

    exit_status = 2


class UsageError(LiuyanError):
    """A command was called with invalid arguments."""

    exit_status = 2
