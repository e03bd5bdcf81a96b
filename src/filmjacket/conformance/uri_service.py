"""Declaration of the URI service, also called WADO-URI (PS3.18 chapter 9)."""

from __future__ import annotations

from typing import Final

from filmjacket.conformance import parameters as p
from filmjacket.conformance.declarations import Obligation, Parameter, Resource, Service, Status, Transaction
from filmjacket.web.negotiate_rendered import Category
from filmjacket.web.uri_request import uri_offers

_TEXT: Final = {"type": "string"}
_COUNT: Final = {"type": "integer", "minimum": 1}
_NUMBER: Final = {"type": "number"}
_OPTIONAL: Final = Obligation.OPTIONAL
_RENDERED: Final = "Of rendered instances."

PARAMETERS: Final = (
    Parameter("requestType", "WADO", "9.4.1.1.1", {"type": "string", "enum": ["WADO"]}, ("WADO",), ("WADO-RS", "")),
    Parameter("studyUID", "Study Instance UID", "9.4.1.1.2", p.UID_SCHEMA, ("{study}",), ("x", "")),
    Parameter("seriesUID", "Series Instance UID", "9.4.1.1.3", p.UID_SCHEMA, ("{series}",), ("x", "")),
    Parameter("objectUID", "SOP Instance UID", "9.4.1.1.4", p.UID_SCHEMA, ("{instance}",), ("x", "")),
    Parameter("contentType", "application/dicom, or a comma list of rendered media types with q", "9.1.2.1", _TEXT,
              ("image/jpeg", "image/png;q=0.5,image/jpeg", "application/dicom"),
              ("application/dicom,image/jpeg", "application/dicom;transfer-syntax=1.2.840.10008.1.2.1", "image/*"),
              comment="Narrows the Accept header. Default: image/jpeg, of documents text/html."),
    Parameter("charset", "Comma list of character sets with q", "9.1.2.2", _TEXT, ("UTF-8",), comment="Of texts."),
    Parameter("anonymize", "yes", "9.4.1.2.2", {"type": "string", "enum": ["yes"]},
              ("yes&contentType=application/dicom",), ("no", "yes,yes", "yes&contentType=image/jpeg"), _OPTIONAL,
              comment="Of application/dicom: Basic Application Level Confidentiality Profile with Clean Pixel Data "
              "Option, where rules can do it; 406 with the reason otherwise."),
    Parameter("transferSyntax", "Transfer Syntax UID", "9.4.1.2.3", p.UID_SCHEMA, ("1.2.840.10008.1.2.1",),
              ("x", "1.2,1.3"), _OPTIONAL, comment="Of application/dicom. Default: Explicit VR Little Endian."),
    Parameter("annotation", "Comma list of patient, technique; also spelled imageAnnotation", "9.5.1.2.1", _TEXT,
              ("patient", "patient,technique"), ("", "1"), _OPTIONAL, comment=_RENDERED),
    Parameter("imageQuality", "1 to 100", "9.5.1.2.2", _COUNT, ("80",), ("0", "101", "x"), _OPTIONAL,
              comment=_RENDERED),
    Parameter("frameNumber", "Whole number from 1 on", "9.5.1.2.3", _COUNT, ("1",), ("0", "1,2", "4711"), _OPTIONAL,
              comment="Of multi-frame images and video, where the default is the frame in the middle."),
    Parameter("rows", "1 to 8192", "9.5.1.2.4", _COUNT, ("64",), ("0", "x", "8193"), _OPTIONAL,
              comment="At most so many; without columns these follow from the proportions."),
    Parameter("columns", "1 to 8192", "9.5.1.2.4", _COUNT, ("64",), ("0", "x", "8193"), _OPTIONAL,
              comment="At most so many."),
    Parameter("region", "Left, top, right, bottom as fractions from 0 to 1", "9.5.1.2.5", _TEXT, ("0.25,0,0.75,1",),
              ("0,0,1", "0.5,0,0.2,1", "0,0,1,1.5"), _OPTIONAL, comment=_RENDERED),
    Parameter("windowCenter", "Decimal number", "9.5.1.2.6", _NUMBER, ("40&windowWidth=400",),
              ("40", "x&windowWidth=400", "40&windowWidth=400&contentType=application/dicom"), _OPTIONAL,
              comment="With windowWidth; a linear window."),
    Parameter("windowWidth", "Decimal number from 1 on", "9.5.1.2.6", _NUMBER, ("400&windowCenter=40",),
              ("400", "0&windowCenter=40"), _OPTIONAL, comment="With windowCenter."),
    Parameter("presentationSeriesUID", "Series Instance UID", "9.5.1.2.7", p.UID_SCHEMA, (),
              ("1.2.3", "1.2.3&presentationUID=1.2.3.4"), _OPTIONAL, comment="With presentationUID."),
    Parameter("presentationUID", "SOP Instance UID of a presentation state of the study", "9.5.1.2.7", p.UID_SCHEMA,
              (), ("1.2.3", "1.2.3.4&presentationSeriesUID=1.2.3"), _OPTIONAL,
              comment="With presentationSeriesUID; without windowCenter and frameNumber."),
)  # fmt: skip

RETRIEVE: Final = Transaction(
    "Retrieve by URI",
    "9",
    "One instance as a file, or rendered: as a picture, a text or a video. The base URI itself answers the same query.",
    (
        Resource("wado-uri", "GET", "/wado", "One instance, named by the query", parameters=PARAMETERS,
                 offers=tuple(dict.fromkeys((*uri_offers(Category.SINGLE_FRAME), *uri_offers(Category.TEXT)))),
                 tests="conformance/test_s09_uri_service.py"),
    ),
    (p.H_ACCEPT, p.H_ACCEPT_CHARSET, p.H_IF_NONE_MATCH, p.H_IF_MATCH, p.H_RANGE, p.H_IF_RANGE),
    (p.H_TYPE_SENT, p.H_LENGTH, p.H_LOCATION_OF_CONTENT, p.H_ETAG, p.H_CONTENT_RANGE, p.H_VARY, p.H_CACHE_CONTROL,
     p.H_WARNING),
    (
        Status(200, "The instance in what was asked for."),
        Status(206, "One range of the payload."),
        Status(304, "If-None-Match lists the entity tag."),
        Status(400, "A parameter is missing or malformed, or parameters do not go together."),
        Status(404, "There is no such instance."),
        Status(406, "The instance cannot be had in an acceptable media type or in the transfer syntax, or cannot be "
               "de-identified."),
        Status(410, "The instance was here and is deleted."),
        Status(412, "If-Match does not list the entity tag."),
        Status(414, "The query is longer than `limits.query_bytes`."),
        Status(416, "No byte of the payload is in the range."),
        Status(503, "Index or stored files cannot be read now."),
    ),
)  # fmt: skip

URI_SERVICE: Final = Service("URI Service", "9", "Instances by a query with their UIDs.", (RETRIEVE,))
