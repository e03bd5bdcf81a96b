"""Query parameters, path variables and header fields that several resources share (PS3.18 8.3, 8.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from filmjacket.conformance.declarations import Header, Obligation, Parameter, PathVariable

if TYPE_CHECKING:
    from collections.abc import Mapping

UID_SCHEMA: Final[Mapping[str, object]] = {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)*$", "maxLength": 64}
AE_TITLE_SCHEMA: Final[Mapping[str, object]] = {"type": "string", "minLength": 1, "maxLength": 16}
BOOLEAN_SCHEMA: Final[Mapping[str, object]] = {"type": "string", "enum": ["true", "false"]}
COUNT_SCHEMA: Final[Mapping[str, object]] = {"type": "integer", "minimum": 0}

PATH_VARIABLES: Final = {
    row.name: row
    for row in (
        PathVariable("study", "StudyInstance", UID_SCHEMA, "1.2.826.0.1.3680043.8.498.1", "Study Instance UID"),
        PathVariable("series", "SeriesInstance", UID_SCHEMA, "1.2.826.0.1.3680043.8.498.2", "Series Instance UID"),
        PathVariable("instance", "SOPInstance", UID_SCHEMA, "1.2.826.0.1.3680043.8.498.3", "SOP Instance UID"),
        PathVariable(
            "frames",
            "framelist",
            {"type": "string", "pattern": "^[1-9][0-9]*(,[1-9][0-9]*)*$"},
            "1,2",
            "Frame numbers from 1 on, ascending, separated by commas",
        ),
        PathVariable(
            "uid", "NonPatientInstance", UID_SCHEMA, "1.2.826.0.1.3680043.8.498.4", "SOP Instance UID of the instance"
        ),
        PathVariable(
            "transaction",
            "transactionUID",
            UID_SCHEMA,
            "1.2.826.0.1.3680043.8.498.5",
            "Transaction UID of a storage commitment",
        ),
        PathVariable(
            "performed",
            "ModalityPerformedProcedureStep",
            UID_SCHEMA,
            "1.2.826.0.1.3680043.8.498.7",
            "SOP Instance UID of the performed procedure step",
        ),
        PathVariable(
            "step",
            "ScheduledProcedureStepID",
            {"type": "string", "minLength": 1, "maxLength": 16},
            "STEP1",
            "Scheduled Procedure Step ID, percent-encoded",
        ),
        PathVariable("workitem", "Workitem", UID_SCHEMA, "1.2.826.0.1.3680043.8.498.6", "UID of the workitem"),
        PathVariable("aetitle", "AETitle", AE_TITLE_SCHEMA, "RIS_1", "AE title of the subscriber"),
        PathVariable("requester", "Requester", AE_TITLE_SCHEMA, "RIS_1", "AE title of who asks"),
        PathVariable(
            "path",
            "BulkDataReference",
            {"type": "string", "pattern": "^[0-9A-Fa-f]{8}([.][0-9]+[.][0-9A-Fa-f]{8})*$"},
            "7FE00010",
            "The end of a BulkDataURI, to be taken as it is from metadata",
        ),
    )
}

ACCEPT: Final = Parameter(
    "accept",
    "Comma list of media types of the resource, each with an optional q; no wildcards",
    "8.3.3.1",
    {"type": "string"},
    refused=("image/*", "nonsense"),
    comment="Narrows the Accept header: what that does not cover does not count.",
)
CHARSET: Final = Parameter(
    "charset",
    "Comma list of character sets (IANA names or defined terms), each with an optional q",
    "8.3.3.2",
    {"type": "string"},
    examples=("UTF-8", "ISO-8859-1;q=0.5,UTF-8"),
    refused=("*", ""),
    comment="XML can be had in each set of 8.8.1 but ISO-2022-CN; JSON is UTF-8. Unknown sets are ignored.",
)
RENDERED_CHARSET: Final = Parameter(
    "charset",
    CHARSET.values,
    "8.3.3.2",
    CHARSET.schema,
    examples=("UTF-8",),
    comment="Documents are UTF-8; other sets are ignored unless Accept-Charset excludes UTF-8 (406).",
)
LIMIT: Final = Parameter(
    "limit",
    "Whole number, 0 or greater",
    "8.3.4.4",
    COUNT_SCHEMA,
    ("10", "0"),
    ("-1", "x", ""),
    comment="At most `search.maximum_results`.",
)
OFFSET: Final = Parameter(
    "offset", "Whole number, 0 or greater", "8.3.4.4", COUNT_SCHEMA, ("0", "1"), ("-1", "1.5", "")
)
INCLUDEFIELD: Final = Parameter(
    "includefield",
    "Comma list of attributes (keyword or tag, nested with dots), or all",
    "8.3.4.3",
    {"type": "string"},
    ("StudyDescription", "00081030,00080090", "all"),
    ("all,PatientName",),
    repeatable=True,
)
METADATA_INCLUDEFIELD: Final = Parameter(
    "includefield",
    "Comma list of attributes (keyword or tag, nested with dots), or all",
    "8.3.4.3",
    {"type": "string"},
    ("PatientName,00080060", "all"),
    ("all,PatientName",),
    Obligation.EXTENSION,
    repeatable=True,
    comment="Returns these attributes and the UIDs instead of the whole data set. An extension: PS3.18 has it for "
    "searches only.",
)
FUZZYMATCHING: Final = Parameter(
    "fuzzymatching", "true, false", "8.3.4.2", BOOLEAN_SCHEMA, ("true", "false"), ("maybe", "")
)
EMPTYVALUEMATCHING: Final = Parameter(
    "emptyvaluematching", "true, false", "8.3.4.5", BOOLEAN_SCHEMA, ("true", "false"), ("1", "TRUE")
)
MULTIPLEVALUEMATCHING: Final = Parameter(
    "multiplevaluematching", "true, false", "8.3.4.6", BOOLEAN_SCHEMA, ("true", "false"), ("yes", "")
)
ANNOTATION: Final = Parameter(
    "annotation",
    "Comma list of keywords: patient, technique",
    "8.3.5.1.1",
    {"type": "string", "pattern": "^[A-Za-z][A-Za-z0-9_-]*(,[A-Za-z][A-Za-z0-9_-]*)*$"},
    ("patient", "patient,technique"),
    ("", "patient,", "1"),
    comment="Other keywords are ignored, and named in a Warning.",
)
QUALITY: Final = Parameter(
    "quality",
    "Whole number from 1 to 100",
    "8.3.5.1.2",
    {"type": "integer", "minimum": 1, "maximum": 100},
    ("1", "75", "100"),
    ("0", "101", "1.5", ""),
    comment="Of types that lose something; PNG and GIF do not use it.",
)
VIEWPORT: Final = Parameter(
    "viewport",
    "Width and height of the viewport; x, y, width and height of the region to show, negative sizes flip",
    "8.3.5.1.3",
    {"type": "string"},
    ("64,64", "64,64,0,0,-16,16", "64,64,,,16,16"),
    ("100", "100,100,", "0,100", "a,b"),
    comment="Up to 8192 each way and 8192 x 4320 pixels in all.",
)
THUMBNAIL_VIEWPORT: Final = Parameter(
    "viewport",
    "Width and height that the picture has to fit in",
    "8.3.5.1.3",
    {"type": "string"},
    ("64,64",),
    ("64", "64,64,0,0", "0,64"),
    Obligation.OPTIONAL,
    comment="Default: `thumbnails.size` each way.",
)
WINDOW: Final = Parameter(
    "window",
    "Center, width, and linear, linear-exact or sigmoid",
    "8.3.5.1.4",
    {"type": "string"},
    ("40,400,linear", "40.5,400,linear-exact", "40,400,sigmoid"),
    ("40,400", "40,400,LINEAR", "40,0,linear", ""),
    comment="Of grey scale images; colour has no window.",
)
ICCPROFILE: Final = Parameter(
    "iccprofile",
    "no, yes, srgb, adobergb, rommrgb",
    "8.3.5.1.5",
    {"type": "string", "enum": ["no", "yes", "srgb", "adobergb", "rommrgb"]},
    ("no", "yes", "srgb", "adobergb", "rommrgb"),
    ("sRGB", "", "yes,no"),
    Obligation.OPTIONAL,
    comment="GIF, JPEG XL and video take only no.",
)
ATTRIBUTE: Final = Parameter(
    "{attribute}",
    "Value by the matching rules of its VR",
    "8.3.4.1",
    {"type": "string"},
    ("PatientID=A", "00100020=A", "StudyDate=20200101-20201231", "StudyInstanceUID=1.2,1.3"),
    ("StudyDate=2020-01-01", "StudyInstanceUID=x*", "NoSuchKeyword=1"),
    comment="Keyword or tag, nested with dots; a private attribute with its Private Creator in the same query.",
)

H_ACCEPT: Final = Header(
    "Accept",
    "Media types of the resource, wildcards, q",
    "8.4.1",
    comment="A missing header means */*; with `strict_accept` it is 406, the letter of 8.7.7.",
)
H_CONTENT_TYPE: Final = Header("Content-Type", "One of the payload media types", "10.5.1.3")
H_CONTENT_ENCODING: Final = Header("Content-Encoding", "identity, gzip, deflate", "8.4.3", Obligation.OPTIONAL)
H_IF_NONE_MATCH: Final = Header("If-None-Match", "Entity tags", "RFC 9110 13.1.2", Obligation.OPTIONAL)
H_IF_MATCH: Final = Header("If-Match", "Entity tags", "RFC 9110 13.1.1", Obligation.OPTIONAL)
H_RANGE: Final = Header("Range", "One range of bytes", "8.4.1", Obligation.OPTIONAL, "Of single part payloads.")
H_IF_RANGE: Final = Header("If-Range", "An entity tag", "RFC 9110 13.1.5", Obligation.OPTIONAL)

H_TYPE_SENT: Final = Header("Content-Type", "Media type of the payload", "8.4.2")
H_LENGTH: Final = Header(
    "Content-Length", "Bytes", "8.4.2", comment="Wherever it is known before; otherwise chunked transfer coding."
)
H_LOCATION_OF_CONTENT: Final = Header("Content-Location", "URL of what is represented", "8.4.3")
H_ACCEPT_CHARSET: Final = Header("Accept-Charset", "As the parameter charset", "8.4.1", Obligation.OPTIONAL)
H_ACCEPT_ENCODING: Final = Header(
    "Accept-Encoding", "gzip, zstd", "8.4.1", Obligation.OPTIONAL, "For metadata and search results."
)
H_PREFER: Final = Header(
    "Prefer", "count=exact", "RFC 7240", Obligation.EXTENSION, "Asks for the number of all matches."
)
H_TOTAL: Final = Header("X-Total-Count", "Number of all matches", "RFC 7240", Obligation.EXTENSION, "When asked for.")
H_PREFERENCE: Final = Header("Preference-Applied", "count=exact", "RFC 7240", Obligation.EXTENSION)
H_CODING: Final = Header("Content-Encoding", "gzip, zstd", "8.4.2", Obligation.OPTIONAL)
H_ETAG: Final = Header("ETag", "Strong entity tag", "RFC 9110 8.8.3", Obligation.OPTIONAL)
H_CONTENT_RANGE: Final = Header("Content-Range", "Range of bytes", "8.4.2", comment="With 206 and 416.")
H_WARNING: Final = Header("Warning", '299 {base URI} "text"', "8.3.4")
H_REDIRECT: Final = Header("Location", "URL at the blob store", "RFC 9110 15.4.8", comment="With 307, for a while.")
H_LOCATION: Final = Header("Location", "URL of the study", "10.5.3.2", comment="When a new resource was created.")
H_VARY: Final = Header("Vary", "Header fields that the choice depends on", "RFC 9110 12.5.5", Obligation.OPTIONAL)
H_CACHE_CONTROL: Final = Header(
    "Cache-Control", "private, no-cache; no-store; or what `cache_seconds` says", "RFC 9111 5.2", Obligation.OPTIONAL
)
H_NOSNIFF: Final = Header("X-Content-Type-Options", "nosniff", "Fetch 3.5", Obligation.EXTENSION)
H_SANDBOX: Final = Header(
    "Content-Security-Policy", "sandbox", "CSP3 6.4", Obligation.EXTENSION, "With HTML, XML and SVG as a single part."
)
H_ALLOW: Final = Header("Allow", "Methods of the resource", "8.4.2", comment="With 405, and on OPTIONS.")
H_RETRY_AFTER: Final = Header("Retry-After", "Seconds", "8.4.2", comment="With 503.")
