"""Errors that users can fix, with one sentence that explains the error and what to do."""


class LiuyanError(Exception):
    """An error that the user can fix; ``str(error)`` is shown without a traceback.

    ``exit_status`` is the command's exit status: 1 for a failure, 2 for wrong usage or a wrong setting.
    """

    exit_status = 1


class SettingsError(LiuyanError):
    """A setting is missing, unknown or invalid."""

    exit_status = 2


class UsageError(LiuyanError):
    """A command was called with invalid arguments."""

    exit_status = 2
