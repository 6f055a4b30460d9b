"""Errors of artifacts and comment files. Each message is one sentence for the user."""

from liuyan.errors import LiuyanError, UsageError


class ArtifactError(LiuyanError):
    """An artifact's folder is missing, incomplete or damaged."""


class CommentFileError(UsageError):
    """A comment file cannot be read: missing, not UTF-8, wrong columns or wrong labels."""
