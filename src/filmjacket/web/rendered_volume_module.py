"""The Rendered Volume Response Module: how a volume was rendered (PS3.18 Annex K)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from filmjacket.web.volume_rendering import RenderingMethod

if TYPE_CHECKING:
    from collections.abc import Sequence

    from filmjacket.dicom.attributes import Attributes, Element
    from filmjacket.web.volume_rendering import VolumeRequest

_DIGITS: Final = 6


def rendered_volume_module(
    request: VolumeRequest, camera: tuple[Sequence[float], ...], window: tuple[float, float, str]
) -> Attributes:
    """The module. `camera` is position, look-at point and up direction, `window` centre, width and function.

    Always in the form of a camera, also when an orientation was asked for.
    """
    module: Attributes = {
        "00720510": _of("CS", request.operation.value),
        "0070120D": _of("CS", request.method.value.upper()),
        **{
            tag: _of("FD", *(round(float(value), _DIGITS) + 0.0 for value in point))
            for tag, point in zip(("00701603", "00701604", "00701605"), camera, strict=True)
        },
    }
    if request.slab is not None:
        module["00701503"] = _of("FD", request.slab)
    if request.method is not RenderingMethod.VOLUME_RENDERED:
        center, width, function = window
        module |= {"00281050": _of("DS", center), "00281051": _of("DS", width), "00281056": _of("CS", function)}
    if request.swivel is not None:
        module["00701A06"] = _of("FD", request.swivel)
    if request.animated:
        module |= {"00701A05": _of("FD", float(request.step)), "00701A03": _of("FD", float(request.rate))}
    return dict(sorted(module.items()))


def _of(vr: str, *values: str | float) -> Element:
    return {"vr": vr, "Value": list(values)}
