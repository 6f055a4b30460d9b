"""Errors of the store, by what the caller should do."""

from liuyan.errors import LiuyanError


class StoreError(LiuyanError):
    """The store cannot do what was requested; nothing has changed."""


class DatabaseUnavailableError(StoreError):
    """At startup, the database does not answer or refuses access."""


class MigrationsPendingError(StoreError):
    """The tables are at another revision than this program needs."""


class ErasureKeyError(StoreError):
    """The erasure key is not the one that this database's digests were computed with."""


class FencedError(StoreError):
    """A compare-and-set of a stored offset failed: another consumer or an earlier attempt advanced it. Rolled back."""


class CommitUnknownError(StoreError):
    """The answer to COMMIT was lost; the stored offsets show whether the batch was stored."""


class TransientStoreError(StoreError):
    """The server is away, a deadlock or a lock timeout: rolled back, and a retry may succeed."""


class PermanentStoreError(StoreError):
    """The database cannot store this content (too large, not representable): rolled back, and a retry is useless."""


# The database does not answer, or its answer was lost. Any other StoreError is an internal error or a wrong schema, for
# which a later retry does not help.
OUTAGES: tuple[type[Exception], ...] = (
    TransientStoreError,
    DatabaseUnavailableError,
    CommitUnknownError,
    TimeoutError,
)


class ReviewError(LiuyanError):
    """A review is not possible; nothing has changed, and a retry cannot succeed."""


class NoCommentError(ReviewError):
    """There is no such comment: it was never stored, or it has been erased."""


class EditedMeanwhileError(ReviewError):
    """The comment's text is no longer the one that the reviewer saw."""


class NothingToUndoError(ReviewError):
    """The current text has no review by this reviewer."""
