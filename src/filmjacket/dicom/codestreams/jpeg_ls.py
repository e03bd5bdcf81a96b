"""JPEG-LS streams: NEAR decides between lossless and near-lossless (ISO/IEC 14495-1 C.2, PS3.5 8.2.3, A.4.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from filmjacket.dicom.codestreams.description import (
    StreamDescription,
    bits_allocated_for,
    check_size,
    malformed,
    not_in_dicom,
    planar_configuration_for,
)

if TYPE_CHECKING:
    from filmjacket.dicom.codestreams.jpeg import Segments

_LOSSLESS = "1.2.840.10008.1.2.4.80"
_NEAR_LOSSLESS = "1.2.840.10008.1.2.4.81"
_PRESETS = 0xF8
_APPLICATION_8 = 0xE8
# Identifiers of LSE segments: a mapping table, its continuation, and a size over 65535 (ISO/IEC 14495-1 C.2.4.1.1).
_MAPPING_TABLES = frozenset((2, 3))
# Colour spaces of SPIFF that are luminance and chrominance (ISO/IEC 10918-3 F.2.1.1).
_SPIFF_YBR = frozenset((1, 3, 4))


def describe(found: Segments) -> StreamDescription:
    """Describe a JPEG-LS stream by its segments."""
    samples = len(found.components)
    if not 2 <= found.precision <= 16:
        raise malformed(f"JPEG-LS has no precision of {found.precision} bits", section="ISO/IEC 14495-1 C.2.2")
    if samples not in {1, 3}:
        raise not_in_dicom(
            f"a JPEG-LS image of {samples} components has no Photometric Interpretation",
            "1 or 3 components",
            section="PS3.5 8.2.3",
        )
    if any(marker == _PRESETS and body[:1] and body[0] in _MAPPING_TABLES for marker, body in found.extensions):
        raise not_in_dicom(
            "the JPEG-LS stream carries a mapping table, which a Palette Color Lookup Table cannot replace",
            "sample values without a mapping table",
            section="PS3.5 8.2.3",
        )
    check_size(found.rows, found.columns)
    lossy = any(near for near, _, _, _ in found.scans)
    return StreamDescription(
        media_type="image/jls",
        transfer_syntax=_NEAR_LOSSLESS if lossy else _LOSSLESS,
        rows=found.rows,
        columns=found.columns,
        samples_per_pixel=samples,
        photometric_interpretation=_photometric(found),
        bits_allocated=bits_allocated_for(found.precision),
        bits_stored=found.precision,
        planar_configuration=planar_configuration_for(samples),
        lossy=lossy,
        lossy_method="ISO_14495_1" if lossy else None,
        warnings=_warnings(found),
    )


def _photometric(found: Segments) -> str:
    if len(found.components) == 1:
        return "MONOCHROME2"
    # The colour space is the 19th byte of a SPIFF header (ISO/IEC 10918-3 F.1.1).
    spiff = [body for marker, body in found.extensions if marker == _APPLICATION_8 and body.startswith(b"SPIFF\0")]
    if spiff and len(spiff[0]) > 18 and spiff[0][18] in _SPIFF_YBR:
        return "YBR_FULL"
    return "RGB"


def _warnings(found: Segments) -> tuple[str, ...]:
    if any(
        marker == _APPLICATION_8 and body.startswith(b"mrfx") and body[4:5] > b"\0" for marker, body in found.extensions
    ):
        return ("the stream uses a colour transform of HP, which PS3.5 8.2.3 does not know",)
    return ()
