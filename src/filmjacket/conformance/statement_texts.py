"""Sentences of the conformance statement that no table can say (PS3.2 N.5, obligations scattered in PS3.18)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

BEHAVIOUR: Final[Mapping[str, tuple[str, ...]]] = {
    "cross-service": (
        "An instance that is stored can be searched for and retrieved at once.",
        (
            "Query parameters that are not declared are ignored (PS3.18 8.3.1), except on Search, where a name "
            "with the "
            "shape of an attribute is a filter and is refused if it cannot be applied."
        ),
        "Wherever there is GET there is HEAD.",
    ),
    "common": (
        (
            "OPTIONS on the base URI, and on any resource, answers Retrieve Capabilities for it and for what is "
            "below it, "
            "as WADL or as JSON. A request with Origin and Access-Control-Request-Method is a CORS preflight where "
            "`cors_origins` allows pages."
        ),
    ),
    "uri": (
        "The media type that is selected tells the transactions apart; application/dicom has to be named.",
        (
            "`anonymize=yes` applies the Basic Application Level Confidentiality Profile of PS3.15 with the Clean "
            "Pixel Data Option. Documents, videos, and images that may have names burned in are refused with 406."
        ),
        "UIDs are replaced by keyed hashes: those of one archive fit together, and nobody can trace them back.",
    ),
    "retrieve": (
        (
            "Without a transfer-syntax parameter instances are sent in Explicit VR Little Endian, with `*` as stored. "
            "Lossy compressed instances are sent as stored without it, too (8.7.8.2)."
        ),
        "When only some instances of a resource can be had as asked for, those are sent with 206 and a Warning.",
        "Metadata never holds group 0002. Values over 1,024 bytes of binary kind are given by BulkDataURI.",
        (
            "An encapsulated document can also be had in its own media type, that of (0042,0012). "
            "`application/zip` (an "
            "extension) is sent only when it is named."
        ),
        "Frames are one part each. Compressed pixel data are sent without item headers and offset tables.",
    ),
    "store": (
        "Instances are kept byte for byte. An instance is acknowledged when it survives a power cut.",
        (
            "Implementation-specific failure codes: 0111H duplicate with other content, A901H for a Study Instance UID "
            "other than that of the target URI."
        ),
        (
            "Metadata as JSON or XML with bulk data parts become Part 10 files; pixel description attributes that are "
            "missing are taken from the image stream. PNG and GIF are decoded, other streams are encapsulated "
            "unchanged."
        ),
        "Part 10 files without preamble or file meta information are accepted if their encoding can be recognised.",
    ),
    "search": (
        (
            "Matching is by PS3.4 C.2.2.2: single value, wildcard, range, list of UIDs, sequence, universal, and "
            "combined "
            "date and time ranges. Person names are matched regardless of case and accents, in each component group."
        ),
        "`Modality` on `/studies` means ModalitiesInStudy. `Modality` and `ModalitiesInStudy` take a list of codes.",
        (
            "Every attribute of the stored instances can be a key, not only those of the tables. Keys of the "
            "levels above "
            "are matched on every resource."
        ),
        (
            "fuzzymatching, emptyvaluematching and multiplevaluematching are supported. Fuzzy matching of person names "
            "disregards case, accents and order, and compares sounds."
        ),
        (
            "Results come in a stable order. At most `search.maximum_results` are sent in one answer; a Warning "
            "says how "
            "many are left."
        ),
    ),
    "delete": ("What was deleted is answered with 410. Retention and legal hold can forbid a deletion, which is 409.",),
    "non-patient": (
        (
            "Instances are kept byte for byte and never found among studies. A store to another resource than that of "
            "the SOP class fails with 0122H, and says which resource it is."
        ),
        (
            "Seven search tables of PS3.4 are supported; every other attribute can be a key too. Retrieve URL "
            "(0008,1190) is returned with every match. Implant templates are matched by the tables of all three "
            "classes."
        ),
        "Nothing is coerced. There is no transaction to delete.",
        "Binary values of more than 1,024 bytes are given by BulkDataURI: `/{category}/{uid}/bulkdata/{path}`.",
        "A store is answered when it is done: 202 is not sent.",
    ),
    "commitment": (
        (
            "An instance is committed when its bytes have been read back from where they are kept and their SHA-256 is "
            "that of the bytes which were received. Links and index entries commit nothing."
        ),
        (
            "Bytes are kept in files that were synced before the store was answered, or, where `blobs` names an object "
            "store, in objects that it has acknowledged; the index in a database that was synced, or has acknowledged "
            "the commit. How many copies there are is up to these."
        ),
        (
            "Commitment is for as long as the archive keeps the instance: until somebody deletes it and it is purged. "
            "With `commitment.hold` the studies are put on legal hold, and nothing of them can be deleted."
        ),
        (
            "Instances of studies and non-patient instances can be committed, as many as fit in "
            "`limits.metadata_bytes` of payload. Retrieval latency is that of any instance: all are online."
        ),
        "What takes longer than `commitment.immediate_seconds` is verified in the background, also after a restart.",
        "A Transaction UID can never be used again: 409. Results are kept for `commitment.result_days`.",
    ),
    "character sets": (
        (
            "Specific Character Set (0008,0005) is respected for every value it governs, code extensions and the "
            "component "
            "groups of person names included. Undecodable bytes do not fail a request."
        ),
    ),
    "security": (
        (
            "The server itself has no authentication yet and listens on the local host unless `host` says "
            "otherwise: put "
            "it behind a proxy that authenticates."
        ),
        "TLS is terminated by that proxy; `trusted_proxies` says whose Forwarded headers are believed.",
        "Log lines hold no patient data. Refusals never repeat values of a query.",
        "Input is parsed with limits on size, nesting and count; XML is read without document types and entities.",
    ),
}
