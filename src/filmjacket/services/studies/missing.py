"""What is answered when a target resource has nothing in the archive (PS3.18 8.5, 10.4.3.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from filmjacket.errors import NotFound

if TYPE_CHECKING:
    from filmjacket.archive.ports import Index
    from filmjacket.errors import FilmjacketError
    from filmjacket.web.refs import ResourceRef


def missing_resource(index: Index, ref: ResourceRef) -> FilmjacketError:  # noqa: ARG001
    """The refusal to raise for a study, series or instance that is not there."""
    return NotFound("There is no such resource in this archive.", section="10.4.3.1", offender="target URI")
