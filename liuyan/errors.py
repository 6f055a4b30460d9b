"""Errors that a person reads: one sentence that says what is wrong and what to do."""


class LiuyanError(Exception):
    """Something that the user can mend; ``str(error)`` is the one sentence that is shown, without a traceback.

    ``exit_status`` is what a command ends with: 1 for a failure, 2 for wrong usage or a wrong setting.
    """

    exit_status = 1


class SettingsError(LiuyanError):
    """A setting is missing, unknown or wrong."""

    exit_status = 2


class UsageError(LiuyanError):
    """A command was called with something that cannot work."""

    exit_status = 2
