"""Where the instances that a document refers to are: the evidence it names, as URLs of this server (PS3.3 C.17.2)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from filmjacket.dicom.attributes import get_items, get_text
from filmjacket.dicom.sop_classes import storage_name
from filmjacket.web.targets import instance_url

if TYPE_CHECKING:
    from filmjacket.dicom.attributes import Attributes
    from filmjacket.reports.content_values import Reference

# Current Requested Procedure Evidence, Pertinent Other Evidence, Predecessor Documents, Identical Documents.
_EVIDENCE: Final = ("0040A375", "0040A385", "0040A360", "0040A525")
_SERIES: Final = "00081115"
_INSTANCES: Final = ("00081199", "0008114A")
_UID_CHARACTERS: Final = frozenset("0123456789.")


@dataclass(frozen=True, slots=True)
class Links:
    """Turns references of one document into URLs. An instance that the document's evidence lacks has none."""

    base_url: str
    places: dict[str, tuple[str, str]] = field(default_factory=dict[str, tuple[str, str]])

    def instance(self, uid: str) -> str:
        """URL of an instance, empty when its study and series are not known."""
        place = self.places.get(uid)
        return instance_url(self.base_url, *place, uid) if place else ""

    def rendered(self, reference: Reference) -> str:
        """URL of what is referred to, rendered: the frames if there are any, else the instance."""
        return self._below(reference, "rendered", several=True)

    def thumbnail(self, reference: Reference) -> str:
        """URL of a small picture of the first frame that is referred to."""
        return self._below(reference, "thumbnail", several=False)

    def _below(self, reference: Reference, resource: str, *, several: bool) -> str:
        url = self.instance(reference.instance)
        if not url:
            return ""
        frames = sorted({frame for frame in reference.frames if frame > 0})
        if not frames:
            return f"{url}/{resource}"
        return f"{url}/frames/{','.join(map(str, frames if several else frames[:1]))}/{resource}"


def read_links(attributes: Attributes, base_url: str) -> Links:
    """The places of every instance that the document lists, and of the document itself."""
    places: dict[str, tuple[str, str]] = {}
    for tag in _EVIDENCE:
        for study in get_items(attributes, tag):
            study_uid = get_text(study, "0020000D") or ""
            for series in get_items(study, _SERIES):
                series_uid = get_text(series, "0020000E") or ""
                for instances in _INSTANCES:
                    for instance in get_items(series, instances):
                        _add(places, get_text(instance, "00081155"), study_uid, series_uid)
    own = (get_text(attributes, tag) or "" for tag in ("00080018", "0020000D", "0020000E"))
    _add(places, *own)
    return Links(base_url, places)


def class_text(sop_class: str) -> str:
    """A SOP class in words: `CT Image`."""
    name = storage_name(sop_class)
    return name.replace(" Storage", "") if name else (sop_class or "unknown object")


def _add(places: dict[str, tuple[str, str]], instance: str | None, study: str, series: str) -> None:
    # Only UIDs become part of a URL; anything else is no address of ours.
    if instance and all(uid and _UID_CHARACTERS.issuperset(uid) for uid in (instance, study, series)):
        places.setdefault(instance, (study, series))
