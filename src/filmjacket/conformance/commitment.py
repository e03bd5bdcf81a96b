"""Declaration of the Storage Commitment service (PS3.18 chapter 13)."""

from __future__ import annotations

from typing import Final

from filmjacket.conformance import parameters as p
from filmjacket.conformance.declarations import Payload, Resource, Service, Status, Transaction
from filmjacket.services.commitment.payload import ACCEPTED
from filmjacket.web import negotiate
from filmjacket.web.commitment_module import FailureReason

_TEMPLATE: Final = "/commitment-requests/{transaction}"
_TESTS: Final = "conformance/test_s13_storage_commitment.py"
_PARAMETERS: Final = (p.ACCEPT, p.CHARSET)
_LATER: Final = Status(202, "Instances are being read back; Retry-After says when to ask. No payload.")

FAILURES: Final = {
    FailureReason.PROCESSING_FAILURE: "The stored bytes are missing, not those that were received, or cannot be read "
    "for `commitment.unreadable_hours`.",
    FailureReason.NO_SUCH_INSTANCE: "There is no such instance, or not in the study and series that are named.",
    FailureReason.CLASS_INSTANCE_CONFLICT: "The instance is of another SOP class than the request says.",
    FailureReason.SOP_CLASS_NOT_SUPPORTED: "The SOP class is none of those that are stored.",
    FailureReason.RESOURCE_LIMITATION: "The store has no space to read the instance back.",
}
"""When a failure reason is sent."""

REQUEST_COMMITMENT: Final = Transaction(
    "Request Storage Commitment",
    "13.4",
    "Asks the server to take over responsibility for instances.",
    (
        Resource("request-commitment", "POST", _TEMPLATE, "Request commitment of instances, flat or by study",
                 parameters=_PARAMETERS, offers=negotiate.COMMITMENT, tests=_TESTS),
    ),
    (p.H_CONTENT_TYPE, p.H_CONTENT_ENCODING, p.H_ACCEPT, p.H_ACCEPT_CHARSET),
    (p.H_TYPE_SENT, p.H_LENGTH, p.H_CODING, p.H_VARY, p.H_CACHE_CONTROL, p.H_RETRY_AFTER),
    (
        Status(200, "Every instance was judged; the payload says which are committed, possibly none."),
        _LATER,
        Status(400, "The payload or the Transaction UID cannot be read, or the payload has both styles or neither."),
        Status(406, "None of the acceptable representations can be had; the payload lists those that can."),
        Status(409, "The Transaction UID was used before."),
        Status(413, "The payload is larger than `limits.metadata_bytes`."),
        Status(414, "The query is longer than `limits.query_bytes`."),
        Status(415, "The media type or the coding of the payload is not supported; the payload lists those that are."),
        Status(503, "The index cannot be written now."),
    ),
    tuple(Payload(media_type) for media_type in ACCEPTED),
)  # fmt: skip

CHECK_RESULT: Final = Transaction(
    "Check Storage Commitment Result",
    "13.5",
    "What became of a request.",
    (
        Resource("commitment-result", "GET", _TEMPLATE, "The result of a request", parameters=_PARAMETERS,
                 offers=negotiate.COMMITMENT, tests=_TESTS),
    ),
    (p.H_ACCEPT, p.H_ACCEPT_CHARSET),
    (p.H_TYPE_SENT, p.H_LENGTH, p.H_CODING, p.H_VARY, p.H_CACHE_CONTROL, p.H_RETRY_AFTER),
    (
        Status(200, "The result."),
        _LATER,
        Status(400, "The Transaction UID or a parameter is malformed."),
        Status(404, "There never was a request with this Transaction UID."),
        Status(406, "None of the acceptable representations can be had; the payload lists those that can."),
        Status(410, "The result was kept for `commitment.result_days` and is gone."),
        Status(414, "The query is longer than `limits.query_bytes`."),
        Status(503, "The index cannot be read now."),
    ),
)  # fmt: skip

COMMITMENT: Final = Service(
    "Storage Commitment Service",
    "13",
    "Taking over responsibility for instances.",
    (REQUEST_COMMITMENT, CHECK_RESULT),
)
