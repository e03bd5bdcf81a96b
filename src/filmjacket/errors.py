"""The one error family: what was wrong, what would be accepted, which section says so.

Everything that a request can do wrong is raised as a `FilmjacketError`; `filmjacket.http.errors` is the only
place that turns one into a status line, headers and a body (PS3.18 8.5, 8.6.3).
"""

from __future__ import annotations

from typing import ClassVar


class FilmjacketError(Exception):
    """A refusal that teaches.

    `status` is the HTTP status code of PS3.18 Table 8.5-1, `reason_code` a stable machine-readable token,
    `section` the part of the standard that asks for the refusal, `offender` the header, parameter or attribute
    at fault and `accepted` what would have been taken instead. None of these texts may hold patient data.
    """

    status: ClassVar[int] = 500
    reason_code: ClassVar[str] = "internal-error"

    def __init__(self, message: str, *, section: str = "", offender: str = "", accepted: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.section = section
        self.offender = offender
        self.accepted = accepted


class BadRequest(FilmjacketError):
    """400: the request is malformed or a parameter has an invalid value."""

    status = 400
    reason_code = "bad-request"


class Forbidden(FilmjacketError):
    """403: the request is understood and refused, whoever sends it again."""

    status = 403
    reason_code = "forbidden"


class NotFound(FilmjacketError):
    """404: the target resource does not exist, or the requester may not know that it does."""

    status = 404
    reason_code = "not-found"


class MethodNotAllowed(FilmjacketError):
    """405: `accepted` holds the methods for the `Allow` header."""

    status = 405
    reason_code = "method-not-allowed"


class NotAcceptable(FilmjacketError):
    """406: `accepted` lists the representations that can be had (PS3.18 8.7.7)."""

    status = 406
    reason_code = "not-acceptable"


class UnreadablePixels(NotAcceptable):
    """406: the stored pixel data are malformed: no other form of them can be made, the stored one can be had."""

    reason_code = "unreadable-pixel-data"


class Conflict(FilmjacketError):
    """409: the request conflicts with what is stored."""

    status = 409
    reason_code = "conflict"


class Held(Conflict):
    """409: the study is on legal hold."""

    reason_code = "legal-hold"


class Retained(Conflict):
    """409: the instances are not yet old enough to be deleted."""

    reason_code = "retention"


class Gone(FilmjacketError):
    """410: the resource was deleted, and the server knows it."""

    status = 410
    reason_code = "gone"


class PreconditionFailed(FilmjacketError):
    """412: an `If-Match` or `If-Unmodified-Since` condition is false (RFC 9110 13.1)."""

    status = 412
    reason_code = "precondition-failed"


class TooLarge(FilmjacketError):
    """413: the payload, one of its parts, or the result asked for is over a configured limit."""

    status = 413
    reason_code = "too-large"


class UriTooLong(FilmjacketError):
    """414: the request target is over the configured limit."""

    status = 414
    reason_code = "uri-too-long"


class UnsupportedMediaType(FilmjacketError):
    """415: `accepted` lists the media types of a request payload that are understood."""

    status = 415
    reason_code = "unsupported-media-type"


class RangeNotSatisfiable(FilmjacketError):
    """416: no byte of the representation is inside the range asked for (RFC 9110 14.2)."""

    status = 416
    reason_code = "range-not-satisfiable"

    def __init__(self, message: str, *, complete_length: int) -> None:
        super().__init__(message, section="RFC 9110 14.2", offender="Range")
        self.complete_length = complete_length


class Unavailable(FilmjacketError):
    """503: the server cannot do this now; trying again later may help."""

    status = 503
    reason_code = "unavailable"


class CommitUnknown(Unavailable):
    """503: the index was lost while it committed: what was asked for may be there, or not."""

    reason_code = "commit-unknown"


class OutOfStorage(FilmjacketError):
    """507: the store is full; nothing of the request that was not acknowledged is kept."""

    status = 507
    reason_code = "out-of-storage"


class DicomError(FilmjacketError):
    """400: bytes that are not readable as DICOM (PS3.5, PS3.10), or are over a limit of the parser."""

    status = 400
    reason_code = "not-readable-as-dicom"
