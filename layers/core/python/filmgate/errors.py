"""The exceptions that cross package borders."""


class FilmgateError(Exception):
    """Base of every error Filmgate raises on purpose."""


class MediaRefused(FilmgateError):
    """The file cannot be accepted; recorded as a result, never retried.

    Attributes:
        code: a stable identifier for machines, such as ``playlist`` or ``too_large``.
        reason: one plain sentence for the owner of the file.
    """

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class TransientError(FilmgateError):
    """Something outside failed for now; the same call may succeed later."""


class EngineUnavailable(FilmgateError):
    """An engine cannot run here, such as one without its weights; the message says why."""


class NothingToRun(FilmgateError):
    """No engine takes this kind of file, or none of those asked for does."""


class NotFound(FilmgateError):
    """The asset, match, job or object asked for does not exist for this tenant."""


class Conflict(FilmgateError):
    """Another writer changed the record first."""


class InvalidCursor(FilmgateError):
    """A paging cursor that no listing of this tenant gave out."""
