"""The exceptions that packages raise to each other."""


class FilmgateError(Exception):
    """The base class of all errors that Filmgate raises deliberately."""


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
    """An external service failed temporarily; the same call may succeed later."""


class EngineUnavailable(FilmgateError):
    """An engine cannot run here, for example without its weights; the message says why."""


class NothingToRun(FilmgateError):
    """No engine, or none of the requested ones, accepts this kind of file."""


class NotFound(FilmgateError):
    """The asset, match, job or object asked for does not exist for this tenant."""


class Conflict(FilmgateError):
    """Another writer changed the record first."""


class InvalidCursor(FilmgateError):
    """A paging cursor that no listing of this tenant returned."""
