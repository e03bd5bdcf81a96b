"""Declaration of rendered MPR and 3D volumes (PS3.18 10.4.1.1.7, 10.4.1.1.8, 8.3.5.3)."""

from __future__ import annotations

from typing import Final

from filmjacket.conformance import parameters as p
from filmjacket.conformance.declarations import Obligation, Parameter, Resource, Status
from filmjacket.web.negotiate_volumes import PICTURE
from filmjacket.web.volume_rendering import ORIENTATIONS, RenderingMethod

_SECTION: Final = "8.3.5.3"
_TEXT: Final = {"type": "string"}
_TRIPLET: Final = "Three numbers: millimetres in patient coordinates"
_OPTIONAL: Final = Obligation.OPTIONAL


def _one_of(*values: str) -> dict[str, object]:
    return {"type": "string", "enum": [str(value) for value in values]}


COMMON: Final = (
    Parameter("renderingmethod", ", ".join(RenderingMethod), _SECTION, _one_of(*RenderingMethod),
              ("maximum_ip", "volume_rendered"), ("mip", ""), comment="Default: average_ip; for 3D volume_rendered."),
    Parameter("orientation", "Side of the patient that the camera is on: a, p, r, l, h, f", _SECTION,
              _one_of(*ORIENTATIONS), ("a", "h"), ("x", ""), _OPTIONAL,
              comment="Excludes the viewpoint parameters."),
    Parameter("viewpointposition", _TRIPLET, _SECTION, _TEXT, ("0,-900,0",), ("0,0", "a,b,c")),
    Parameter("viewpointlookat", _TRIPLET, _SECTION, _TEXT, ("0,0,0",), ("0,0", "")),
    Parameter("viewpointup", "Three numbers: a direction", _SECTION, _TEXT, ("0.1,0,1",), ("0,0,0", "1")),
    Parameter("animationstepsize", "Whole number of degrees or millimetres from 1 on", _SECTION,
              {"type": "integer", "minimum": 1}, ("5",), ("0", "1.5"), _OPTIONAL, comment="Default: 10 or 2."),
    Parameter("animationrate", "Steps a second from 1 to 120", _SECTION, {"type": "integer", "minimum": 1},
              ("5",), ("0", "x"), _OPTIONAL, comment="Default: 10."),
    Parameter("renderedvolumetricmetadata", "yes", _SECTION, _one_of("yes"), ("yes",), ("no", ""),
              comment="The answer is the module of Annex K in application/dicom+json or application/dicom+xml."),
    Parameter("volumeinputreference", "SOP Instance UID, with or without a frame number", _SECTION, _TEXT,
              ("{instance}", "{instance},1"), ("x", "1.2.3", "{instance},0"), _OPTIONAL,
              comment="The largest volume that holds it. Instead of it attributes can be matched as in searches "
              "(8.3.4.1), ImageType=... for example: instances without them are left out."),
)  # fmt: skip
OF_MPR: Final = (
    Parameter("mprslab", "Thickness in millimetres, more than 0", _SECTION, {"type": "number"}, ("5", "2.5"),
              ("0", "x")),
    Parameter("volumetriccurvepoint", "Three numbers for each of two or more points", _SECTION, _TEXT,
              ("0,0,0,0,0,4",), ("0,0,0", "0,0,0,1"), _OPTIONAL, repeatable=True),
)  # fmt: skip
OF_3D: Final = (
    Parameter("swivelrange", "Degrees, more than 0, up to 360", _SECTION, {"type": "number"}, ("20",), ("0", "361"),
              _OPTIONAL),
)  # fmt: skip
_RENDERING: Final = (p.ACCEPT, p.ANNOTATION, p.QUALITY, p.VIEWPORT, p.WINDOW, p.ICCPROFILE)

_TESTS: Final = "conformance/test_s08_3_5_3_volumes.py"
_TOO_LARGE: Final = (Status(413, "The volume takes more than `volumes.maximum_bytes`."),)


def volume_resources(study: str, series: str, instance: str) -> tuple[Resource, ...]:
    """The resources below these templates."""
    levels = (("study", study), ("series", series), ("instance", instance), ("frames", instance + "/frames/{frames}"))
    mpr = (*_RENDERING, *COMMON, *OF_MPR)
    volume = (*_RENDERING, *COMMON, *OF_3D)
    rows = (
        ("renderedmpr", "Plane through a volume", mpr),
        ("rendered3d", "3D picture of a volume", volume),
    )
    return (
        Resource("study-rendered3d-as-printed", "GET", f"{study}/series/rendered3d",
                 "3D picture of a volume, by the template that Table 10.4.1.8-1 prints", _OPTIONAL, volume, PICTURE,
                 _TOO_LARGE, _TESTS),
        *(
            Resource(f"{level}-{name}", "GET", f"{template}/{name}", text, _OPTIONAL, parameters, PICTURE, _TOO_LARGE,
                     _TESTS)
            for name, text, parameters in rows
            for level, template in levels
        ),
    )  # fmt: skip
