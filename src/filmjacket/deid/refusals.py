"""Instances that cannot be de-identified by rules alone; each refusal says why (PS3.15 E.3.1, PS3.18 9.4.1.2.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from filmjacket.deid.burned_in import BurnedIn, burned_in, has_embedded_overlay
from filmjacket.dicom import transfer_syntaxes
from filmjacket.dicom.attributes import get_text
from filmjacket.dicom.pixel_layout import PIXEL_TAGS
from filmjacket.dicom.sop_classes import is_text
from filmjacket.dicom.transfer_syntaxes import Kind
from filmjacket.errors import NotAcceptable

if TYPE_CHECKING:
    from filmjacket.dicom.attributes import Attributes

_ROOT: Final = "1.2.840.10008.5.1.4.1.1."
_RECOGNIZABLE: Final = "00280302"

_WITHOUT_PIXELS: Final = (
    "9.1.", "9.2.1", "9.3.1", "9.5.1", "9.6.1", "9.6.2", "9.7.",  # ECG and other waveforms, but no sound
    "66.1", "66.2", "66.3", "66.5", "66.6",  # registrations, fiducials, surfaces, tractography
    "67",  # Real World Value Mapping
    "481.3", "481.4", "481.5", "481.6", "481.7", "481.8", "481.9",  # RT structures, plans and records
    "11.",  # presentation states
)  # fmt: skip
"""SOP classes without pixels whose attributes the profile covers."""

_CODINGS: Final = frozenset((
    Kind.UNCOMPRESSED, Kind.RLE, Kind.DEFLATED_FRAME, Kind.JPEG, Kind.JPEG_LS, Kind.JPEG_2000, Kind.HTJ2K,
    Kind.JPEG_XL,
))  # fmt: skip
"""Codings of which it is known what they can carry beside pixels (`filmjacket.deid.codestreams`)."""


def check_deidentifiable(attributes: Attributes, transfer_syntax: str) -> None:
    """Raise `NotAcceptable` for an instance that may go on telling who the patient is whatever is done here."""
    reason = _reason(attributes, transfer_syntax)
    if reason:
        raise NotAcceptable(
            f"This instance cannot be de-identified: {reason}.",
            section="9.4.1.2.2",
            offender="anonymize",
            accepted=("the request without anonymize",),
        )


def _reason(attributes: Attributes, transfer_syntax: str) -> str:
    sop_class = get_text(attributes, "00080016") or ""
    if is_text(sop_class):
        return "it is a document, and names may stand anywhere in its text"
    if not PIXEL_TAGS & attributes.keys():
        suffix = sop_class.removeprefix(_ROOT)
        if sop_class.startswith(_ROOT) and any(
            suffix.startswith(known) if known.endswith(".") else suffix == known for known in _WITHOUT_PIXELS
        ):
            return ""
        return "nobody knows what instances of its SOP class hold, or it holds sound"
    return _reason_of_image(attributes, transfer_syntax)


def _reason_of_image(attributes: Attributes, transfer_syntax: str) -> str:
    syntax = transfer_syntaxes.get(transfer_syntax)
    if syntax is None or syntax.kind not in _CODINGS:
        return "its pixels are a video or in a coding that may carry sound or text"
    judged = burned_in(attributes, transfer_syntax)
    if judged is BurnedIn.YES:
        return "it says that identification is burned into its pixels (0028,0301), or it is the label of a slide"
    if judged is BurnedIn.POSSIBLE:
        return "images of its kind often show names in their pixels, and it does not say NO in (0028,0301)"
    if has_embedded_overlay(attributes):
        return "an overlay is hidden in unused bits of its pixels"
    if get_text(attributes, _RECOGNIZABLE) == "YES":
        return "it says that the patient can be recognized in it (0028,0302)"
    return ""
