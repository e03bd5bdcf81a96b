"""What is answered when a target resource has nothing in the archive (PS3.18 8.5, 10.4.3.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from filmjacket.clock import moment_text
from filmjacket.errors import Gone, NotFound

if TYPE_CHECKING:
    from filmjacket.archive.ports import Index
    from filmjacket.errors import FilmjacketError
    from filmjacket.web.refs import ResourceRef


def missing_resource(index: Index, ref: ResourceRef) -> FilmjacketError:
    """The refusal to raise for a study, series or instance that is not there: 410 if it is known to be deleted."""
    deletion = index.deletion_of(ref)
    if deletion is None:
        return NotFound("There is no such resource in this archive.", section="10.4.3.1", offender="target URI")
    level = "instance" if ref.instance else "series" if ref.series else "study"
    message = f"This {level} was deleted ({moment_text(deletion.deleted_at)})."
    if deletion.restorable_until is None:
        return Gone(message, section="8.5", offender="target URI")
    return Gone(
        f"{message} Until {moment_text(deletion.restorable_until)} it can be restored.",
        section="8.5",
        offender="target URI",
        accepted=("the same request after `filmjacket restore`",),
    )
