"""What can be wrong with an artifact or with a file of comments, said in one sentence."""

from liuyan.errors import LiuyanError, UsageError


class ArtifactError(LiuyanError):
    """An artifact's folder is missing, incomplete or damaged."""


class CommentFileError(UsageError):
    """A file of comments cannot be read: not there, not UTF-8, wrong columns or wrong labels."""
