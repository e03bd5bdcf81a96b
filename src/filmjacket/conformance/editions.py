"""Where editions of PS3.18 differ, and what this server does about each place (decision 11).

The setting `edition` decides only where one answer cannot suit both; wherever it can, both spellings are taken.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from filmjacket.settings.tree import Edition

if TYPE_CHECKING:
    from collections.abc import Mapping

EMPTY_SEARCH_STATUS: Final[Mapping[Edition, int]] = MappingProxyType({Edition.Y2024: 204, Edition.Y2026: 200})
"""Status of a search without matches (8.3.4.4, 10.6.3.1; CP-2473): no content, or an empty array."""


class Answer(StrEnum):
    """How a difference is dealt with."""

    SWITCHED = "switched by the setting"
    BOTH = "both are accepted"
    SAME = "one answer suits both"
    LATER = "comes with the service"


@dataclass(frozen=True, slots=True)
class Difference:
    """One place where editions differ. `code` and `tests` name files, below `src/filmjacket` and `tests`."""

    what: str
    section: str
    before: str
    now: str
    answer: Answer
    code: str = ""
    tests: str = ""


DIFFERENCES: Final = (
    Difference(
        "Search without matches, also with limit=0 or an offset behind the end",
        "8.3.4.4, 10.6.3.1",
        "204 without content",
        "200 with an empty array (CP-2473, 2025)",
        Answer.SWITCHED,
        "http/studies.py",
        "conformance/test_edition.py",
    ),
    Difference(
        "Order of attributes in DICOM JSON",
        "F.2.2",
        "ascending",
        "lexicographically ascending by the 8 hexadecimal digits, a shall (2025)",
        Answer.SAME,
        "dicom/json_model.py",
        "conformance/test_annex_f_json.py",
    ),
    Difference(
        "Encapsulated Uncompressed Explicit VR Little Endian (1.2.840.10008.1.2.1.98) as application/octet-stream",
        "8.7.3.3, Table 8.7.3-4",
        "not in the table",
        "in the table (2026)",
        Answer.BOTH,
        "web/negotiate.py",
        "unit/conformance/test_editions.py",
    ),
    Difference(
        "Deflated Image Frame Compression (1.2.840.10008.1.2.8.1) as application/x-deflate",
        "8.7.3.3, Table 8.7.3-5",
        "not in the table",
        "in the table (2026)",
        Answer.BOTH,
        "dicom/transfer_syntaxes.py",
        "unit/conformance/test_editions.py",
    ),
    Difference(
        "Media types of RLE and JPEG-LS in Accept",
        "8.7.3.3, Table 8.7.3-5",
        "image/x-dicom-rle, image/x-jls (before 2017)",
        "image/dicom-rle, image/jls",
        Answer.BOTH,
        "web/negotiate.py",
        "unit/conformance/test_editions.py",
    ),
    Difference(
        "VR of Retrieve URL (0008,1190)",
        "10.6.3.3, I.1",
        "UT (before 2014)",
        "UR",
        Answer.SAME,
        "services/studies/search.py",
        "conformance/test_s10_6_return_attributes.py",
    ),
    Difference(
        "Modifiers metadata, bulkdata and pixeldata below frames/{frames}",
        "10.3, H",
        "Annex H has frames/{framelist}/pixeldata",
        "not allowed (2026)",
        Answer.SAME,
        "http/routes.py",
        "unit/conformance/test_editions.py",
    ),
    Difference(
        "Where Retrieve Capabilities is asked for",
        "8.9",
        "OPTIONS on any resource (until 2019)",
        "OPTIONS on the base URI",
        Answer.BOTH,
        "http/capabilities.py",
        "conformance/test_s08_9_capabilities.py",
    ),
    Difference(
        "Parameters emptyvaluematching and multiplevaluematching",
        "8.3.4.5, 8.3.4.6",
        "unknown before 2024, hence ignored",
        "recognised",
        Answer.SAME,
        "web/query.py",
        "conformance/test_s10_6_search.py",
    ),
    Difference(
        "Status of a store of which some instances failed",
        "10.5.3",
        "206 in practice of some servers (called erroneous)",
        "202",
        Answer.SAME,
        "web/store_response.py",
        "conformance/test_s10_5_store.py",
    ),
    Difference(
        "Path segments renderedmpr and rendered3d",
        "10.4.1.1.7, 10.4.1.1.8",
        "renderedmpr, rendered3d; rendered3D in examples; one template without {series}",
        "renderedMPR (2026)",
        Answer.LATER,
    ),
    Difference("Parameter of annotations in the URI service", "9.5.1", "annotation", "imageAnnotation", Answer.LATER),
    Difference(
        "Parameter of Create Workitem that carries the UID",
        "11.4.1",
        "AffectedSOPInstanceUID (until 2019)",
        "{workitem}, spelled workitem or without a name",
        Answer.BOTH,
        "web/workitem_grammar.py",
        "conformance/test_s11_4_create.py",
    ),
    Difference(
        "Parameter of Update Workitem that carries the Transaction UID",
        "11.6.1",
        "transaction (2014), transaction-uid (2019)",
        "Transaction-uid (2025)",
        Answer.BOTH,
        "web/workitem_grammar.py",
        "conformance/test_s11_6_update.py",
    ),
    Difference(
        "Status for a missing or wrong Transaction UID, and for an update in a final state",
        "11.6.2, 11.7.3",
        "409 (until 2019, and what many clients expect)",
        "400",
        Answer.SWITCHED,
        "services/worklist/statuses.py",
        "conformance/test_s11_7_change_state.py",
    ),
    Difference(
        "Filter of a subscription",
        "11.10.1",
        "attributes as parameters of their own (until 2019)",
        "parameter filter",
        Answer.BOTH,
        "web/workitem_grammar.py",
        "conformance/test_s11_10_subscriptions.py",
    ),
    Difference(
        "Warning texts of a failed Request Cancellation",
        "11.8.3.2",
        "none",
        "named texts (2026)",
        Answer.SAME,
        "services/worklist/statuses.py",
        "conformance/test_s11_8_request_cancellation.py",
    ),
    Difference(
        "Identity of who changes the state of a workitem",
        "8.10.4, 11.7, 11.8",
        "none, or the end of the path in practice",
        "parameter requester (2026)",
        Answer.BOTH,
        "web/workitem_grammar.py",
        "conformance/test_s11_7_change_state.py",
    ),
    Difference(
        "Modality Scheduled and Performed Procedure Step services, method PATCH",
        "8.1.1, 14, 15",
        "absent",
        "present (2025, Supplement 246)",
        Answer.SAME,
        "http/procedures.py",
        "conformance/test_s15_performed_steps.py",
    ),
    Difference(
        "Update of a performed procedure step",
        "15.5",
        "PUT or PATCH (ballot of Supplement 246), /update at the end of the path (its examples)",
        "POST with the parameter update",
        Answer.BOTH,
        "http/procedures.py",
        "conformance/test_s15_performed_steps.py",
    ),
)


def differences_page() -> str:
    """The table of editions in Markdown, for the reference."""
    lines = [
        "# Editions",
        "",
        "The setting `edition` says whose wording decides where editions of PS3.18 differ and one answer cannot suit",
        "both. The default is 2026. Everything else that clients of older editions send is understood without it.",
        "",
        "| what | section | until 2024 | 2026 | this server | code | tests |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in DIFFERENCES:
        code = f"`{row.code}`" if row.code else ""
        tests = f"`{row.tests}`" if row.tests else ""
        lines.append(
            f"| {row.what} | {row.section} | {row.before} | {row.now} | {row.answer.value} | {code} | {tests} |"
        )
    return "\n".join(lines) + "\n"
