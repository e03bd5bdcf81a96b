"""Conditions of a request that changes something: `If-Match` and `If-None-Match` (RFC 9110 13.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from filmjacket.errors import PreconditionFailed
from filmjacket.web.conditional import listed_digests


@dataclass(frozen=True, slots=True)
class Preconditions:
    """What the headers say. They are looked at when nothing else speaks against the change (13.2.1)."""

    if_match: str | None = None
    if_none_match: str | None = None

    def check(self, revision: str | None, name: str) -> None:
        """Raise `PreconditionFailed` unless they are true.

        `revision` is what the entity tags of the resource begin with, `None` when it is not there; `name` is what
        people call it.
        """
        if self.if_match is not None:
            revisions = listed_digests(self.if_match)
            if revision is None or (revisions is not None and revision not in revisions):
                raise _failed("If-Match", f"The {name} is not the one that If-Match names.")
        if self.if_none_match is not None and revision is not None:
            revisions = listed_digests(self.if_none_match)
            if revisions is None or revision in revisions:
                raise _failed("If-None-Match", f"There is such a {name} already.")


NO_PRECONDITIONS: Final = Preconditions()


def _failed(header: str, message: str) -> PreconditionFailed:
    return PreconditionFailed(message, section="RFC 9110 13.1", offender=header)
