"""References to the resources of the Studies service (PS3.18 10.1)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ResourceRef:
    """One node of the study tree; `None` means "not given".

    A study has only `study`, a series has `study` and `series`, an instance all three. Searches may leave out
    any leading part: `ResourceRef()` is the whole archive.
    """

    study: str | None = None
    series: str | None = None
    instance: str | None = None

    @property
    def path(self) -> str:
        """Path below the service's base URL, without a leading slash: `studies/1.2/series/1.3`."""
        parts: list[str] = []
        for name, uid in (("studies", self.study), ("series", self.series), ("instances", self.instance)):
            if uid is not None:
                parts += (name, uid)
        return "/".join(parts)
