"""What can go wrong between us and the database, sorted by what the caller should do about it."""

from liuyan.errors import LiuyanError


class StoreError(LiuyanError):
    """The store cannot do what it was asked; nothing was changed."""


class DatabaseUnavailableError(StoreError):
    """At start: the database does not answer, or does not let us in."""


class MigrationsPendingError(StoreError):
    """The tables are not those that this program was written for."""


class ErasureKeyError(StoreError):
    """The erasure key is not the one with which this database's digests were made."""


class FencedError(StoreError):
    """A compare-and-set of a stored offset failed: another consumer, or an earlier try, moved it. Rolled back."""


class CommitUnknownError(StoreError):
    """The answer to COMMIT was lost: the stored offsets tell whether the batch was stored."""


class TransientStoreError(StoreError):
    """Server away, deadlock, lock wait: rolled back, the same again may work."""


class PermanentStoreError(StoreError):
    """The database will never take this content (too large, not representable): rolled back, trying again is no use."""


# The database does not answer, or nobody knows what it answered. Any other StoreError is a mistake of ours or a table
# that is not as it should be: trying again later does not help.
OUTAGES: tuple[type[Exception], ...] = (
    TransientStoreError,
    DatabaseUnavailableError,
    CommitUnknownError,
    TimeoutError,
)


class ReviewError(LiuyanError):
    """A review cannot be as the reviewer wants it; nothing was changed, and trying the same again is no use."""


class NoCommentError(ReviewError):
    """There is no such comment: it was never stored, or it was erased meanwhile."""


class EditedMeanwhileError(ReviewError):
    """The comment's text is not the one that the reviewer saw."""


class NothingToUndoError(ReviewError):
    """No review of this reviewer belongs to the text that stands."""
