"""Declaration of the Retrieve transaction of the Studies service (PS3.18 10.4), also called WADO-RS."""

from __future__ import annotations

from typing import Final

from filmjacket.conformance import parameters as p
from filmjacket.conformance.declarations import Obligation, Resource, Status, Transaction
from filmjacket.conformance.representations import (
    bulk_offers,
    collection_offers,
    frame_offers,
    rendered_frame_offers,
    rendered_instance_offers,
)
from filmjacket.conformance.studies_volumes import volume_resources
from filmjacket.web import negotiate

STUDY: Final = "/studies/{study}"
SERIES: Final = STUDY + "/series/{series}"
INSTANCE: Final = SERIES + "/instances/{instance}"

_RETRIEVE = "conformance/test_s10_4_retrieve_instances.py"
_METADATA = "conformance/test_s10_4_metadata.py"
_BULK = "conformance/test_s10_4_bulkdata.py"
_METADATA_PARAMETERS = (p.ACCEPT, p.CHARSET, p.METADATA_INCLUDEFIELD)
_RENDERED_PARAMETERS = (p.ACCEPT, p.ANNOTATION, p.QUALITY, p.VIEWPORT, p.WINDOW, p.ICCPROFILE)

RETRIEVE: Final = Transaction(
    "Retrieve",
    "10.4",
    "Instances, metadata, frames and bulk data.",
    (
        Resource("retrieve-study", "GET", STUDY, "All instances of a study", parameters=(p.ACCEPT,),
                 offers=negotiate.INSTANCES, tests=_RETRIEVE),
        Resource("retrieve-series", "GET", SERIES, "All instances of a series", parameters=(p.ACCEPT,),
                 offers=negotiate.INSTANCES, tests=_RETRIEVE),
        Resource("retrieve-instance", "GET", INSTANCE, "One instance", parameters=(p.ACCEPT,),
                 offers=negotiate.ONE_INSTANCE, tests=_RETRIEVE),
        Resource("study-metadata", "GET", STUDY + "/metadata", "Metadata of a study",
                 parameters=_METADATA_PARAMETERS, offers=negotiate.METADATA, tests=_METADATA),
        Resource("series-metadata", "GET", SERIES + "/metadata", "Metadata of a series",
                 parameters=_METADATA_PARAMETERS, offers=negotiate.METADATA, tests=_METADATA),
        Resource("instance-metadata", "GET", INSTANCE + "/metadata", "Metadata of an instance",
                 parameters=_METADATA_PARAMETERS, offers=negotiate.METADATA_OF_ONE, tests=_METADATA),
        Resource("frames", "GET", INSTANCE + "/frames/{frames}", "Frames by number, from 1 on, separated by commas",
                 parameters=(p.ACCEPT,), offers=frame_offers(), tests="conformance/test_s10_4_frames.py"),
        Resource("bulk-data", "GET", INSTANCE + "/bulkdata/{path}", "The value behind a BulkDataURI",
                 parameters=(p.ACCEPT,), offers=bulk_offers(), tests=_BULK),
        *(
            Resource(f"{level}-{name}", "GET", f"{template}/{name}", f"{words} of {article} {level}",
                     Obligation.OPTIONAL, (p.ACCEPT,), collection_offers(), tests=_BULK)
            for name, words in (("bulkdata", "Every bulk value"), ("pixeldata", "The pixel data"))
            for level, article, template in (("study", "a", STUDY), ("series", "a", SERIES),
                                             ("instance", "an", INSTANCE))
        ),
        *(
            Resource(f"rendered-{level}", "GET", f"{template}/rendered", text,
                     parameters=(*_RENDERED_PARAMETERS, p.RENDERED_CHARSET), offers=rendered_instance_offers(),
                     tests="conformance/test_s10_4_rendered.py")
            for level, template, text in (
                ("study", STUDY, "Pictures and documents of a study"),
                ("series", SERIES, "Pictures and documents of a series"),
                ("instance", INSTANCE, "An instance as a document, a picture, or the pictures of its frames"),
            )
        ),
        Resource("rendered-frames", "GET", INSTANCE + "/frames/{frames}/rendered", "Pictures of frames",
                 parameters=_RENDERED_PARAMETERS, offers=rendered_frame_offers(),
                 tests="conformance/test_s10_4_rendered.py"),
        *(
            Resource(f"{level}-thumbnail", "GET", f"{template}/thumbnail", text, Obligation.OPTIONAL,
                     (p.ACCEPT, p.THUMBNAIL_VIEWPORT), rendered_frame_offers(),
                     tests="conformance/test_s10_4_thumbnail.py")
            for level, template, text in (
                ("study", STUDY, "A small picture of a study"),
                ("series", SERIES, "A small picture of a series"),
                ("instance", INSTANCE, "A small picture of an instance"),
                ("frames", INSTANCE + "/frames/{frames}", "A small picture of a frame"),
            )
        ),
        *volume_resources(STUDY, SERIES, INSTANCE),
    ),
    (p.H_ACCEPT, p.H_ACCEPT_CHARSET, p.H_ACCEPT_ENCODING, p.H_IF_NONE_MATCH, p.H_IF_MATCH, p.H_RANGE, p.H_IF_RANGE),
    (p.H_TYPE_SENT, p.H_LENGTH, p.H_CODING, p.H_LOCATION_OF_CONTENT, p.H_REDIRECT, p.H_ETAG, p.H_CONTENT_RANGE,
     p.H_VARY, p.H_CACHE_CONTROL, p.H_WARNING, p.H_NOSNIFF, p.H_SANDBOX),
    (
        Status(200, "Everything asked for is in the payload."),
        Status(206, "One range of a single part payload; or, with a Warning, instances without those that cannot "
               "be had in an acceptable transfer syntax."),
        Status(304, "If-None-Match lists the entity tag."),
        Status(307, "`s3.redirects` is on: the instance is to be had from the blob store, at Location."),
        Status(400, "A UID, a frame list or a parameter is malformed; DICOM and rendered media types are mixed."),
        Status(404, "There is no such resource, frame or bulk value."),
        Status(406, "None of the acceptable representations can be had; the payload lists those that can."),
        Status(410, "The resource was here and is deleted."),
        Status(412, "If-Match does not list the entity tag."),
        Status(414, "The query is longer than `limits.query_bytes`."),
        Status(416, "No byte of the payload is in the range."),
        Status(503, "Index or stored files cannot be read now."),
    ),
)  # fmt: skip
