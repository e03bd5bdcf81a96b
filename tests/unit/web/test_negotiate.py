"""Content negotiation: PS3.18 8.7, Tables 8.7.3-2 to 8.7.3-5 and 10.4.4-1."""

from __future__ import annotations

import pytest

from filmjacket.dicom import transfer_syntaxes
from filmjacket.errors import BadRequest, NotAcceptable
from filmjacket.web import negotiate
from filmjacket.web.accept import parse_accept
from filmjacket.web.media_types import parse_media_type
from filmjacket.web.negotiate import TransferPlan

PREFIX = "1.2.840.10008.1.2"
IMPLICIT, EXPLICIT, ENCAPSULATED, DEFLATED, BIG = (
    PREFIX,
    f"{PREFIX}.1",
    f"{PREFIX}.1.98",
    f"{PREFIX}.1.99",
    f"{PREFIX}.2",
)
BASELINE, LOSSLESS_P14, LOSSLESS, RLE = (f"{PREFIX}.{end}" for end in ("4.50", "4.57", "4.70", "5"))
JLS, NEAR_JLS, J2K, J2K_LOSSY = (f"{PREFIX}.4.{end}" for end in (80, 81, 90, 91))
HTJ2K, HTJ2K_RPCL, JXL, MPEG2, H264, H265 = (f"{PREFIX}.4.{end}" for end in (201, 202, 110, 100, 102, 107))
DEFLATED_FRAMES = f"{PREFIX}.8.1"

RELATED_DICOM = 'multipart/related; type="application/dicom"'
RELATED_OCTETS = 'multipart/related; type="application/octet-stream"'
RELATED_XML = 'multipart/related; type="application/dicom+xml"'


def related(media_type, transfer_syntax=None):
    text = f'multipart/related; type="{media_type}"'
    return text if transfer_syntax is None else f"{text}; transfer-syntax={transfer_syntax}"


def accepted_are_readable(error):
    """Every 406 lists literal media types that would have been taken (8.7.7)."""
    assert error.status == 406
    assert error.section.startswith("8.7.")
    assert error.accepted
    return [parse_media_type(text) for text in error.accepted]


# --- metadata, search, store response -------------------------------------------------------------------------


@pytest.mark.parametrize("single", [True, False])
@pytest.mark.parametrize(
    ("accept", "media_type", "multipart"),
    [
        (None, "application/dicom+json", False),
        ("*/*", "application/dicom+json", False),
        ("application/*", "application/dicom+json", False),
        ("application/dicom+json", "application/dicom+json", False),
        ("application/dicom+json; charset=utf-8", "application/dicom+json", False),
        ("application/dicom+json; transfer-syntax=1.2.840.10008.1.2.1", "application/dicom+json", False),
        ("application/json", "application/dicom+json", False),
        ("application/json, text/plain, */*", "application/dicom+json", False),  # the default of a well-known library
        ("text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8", "application/dicom+json", False),
        (RELATED_XML, "application/dicom+xml", True),
        ("multipart/related; type=application/dicom+xml", "application/dicom+xml", True),
        ('multipart/related; type="*/*"', "application/dicom+xml", True),
        ("multipart/related", "application/dicom+xml", True),
        (f"application/dicom+json;q=0.5, {RELATED_XML}", "application/dicom+xml", True),
        (f"application/dicom+json, {RELATED_XML};q=0.9", "application/dicom+json", False),
        (f"{RELATED_XML}, application/dicom+json", "application/dicom+xml", True),
        (f"application/dicom+json, {RELATED_XML}", "application/dicom+json", False),
        ("application/dicom+json;q=0, */*", "application/dicom+xml", True),
        ("application/dicom+json;q=0.2, */*;q=0.1", "application/dicom+json", False),
        ("image/png;q=0.5, application/json;q=0.4, nonsense", "application/dicom+json", False),
    ],
)
def test_table_10_4_4_1_metadata(accept, media_type, multipart, single):
    chosen = negotiate.choose_metadata(parse_accept(accept), single=single)
    assert (chosen.media_type, chosen.multipart) == (media_type, multipart)


def test_table_10_4_4_1_single_part_xml_only_for_one_instance():
    preferences = parse_accept("application/dicom+xml")
    assert not negotiate.choose_metadata(preferences, single=True).multipart
    with pytest.raises(NotAcceptable) as refusal:
        negotiate.choose_metadata(preferences, single=False)
    assert refusal.value.accepted == ("application/dicom+json", RELATED_XML)


@pytest.mark.parametrize(
    "accept",
    ["text/plain", "image/*", 'multipart/related; type="application/dicom+json"', RELATED_DICOM, "*/*;q=0",
     "application/dicom+json;q=0", "nonsense", "application/dicom+json;q=0, application/*;q=0"],
)  # fmt: skip
def test_section_8_7_7_metadata_refused(accept):
    with pytest.raises(NotAcceptable) as refusal:
        negotiate.choose_metadata(parse_accept(accept), single=False)
    assert "application/dicom+json" in [entry.essence for entry in accepted_are_readable(refusal.value)]


@pytest.mark.parametrize(
    ("accept", "media_type", "multipart"),
    [
        (None, "application/dicom+json", False),
        ("application/json", "application/dicom+json", False),
        (RELATED_XML, "application/dicom+xml", True),
        ("application/dicom+json, text/plain, */*", "application/dicom+json", False),
    ],
)
def test_section_10_6_4_search(accept, media_type, multipart):
    chosen = negotiate.choose_search(parse_accept(accept))
    assert (chosen.media_type, chosen.multipart) == (media_type, multipart)


def test_section_10_6_4_search_refused():
    with pytest.raises(NotAcceptable) as refusal:
        negotiate.choose_search(parse_accept("application/dicom+xml"))
    assert refusal.value.accepted == ("application/dicom+json", RELATED_XML)


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        (None, "application/dicom+json"),
        ("*/*", "application/dicom+json"),
        ("application/dicom+xml", "application/dicom+xml"),
        ("application/dicom+xml, application/dicom+json;q=0.5", "application/dicom+xml"),
        ("application/json", "application/dicom+json"),
        ("text/html", "application/dicom+json"),
    ],
)
def test_section_10_5_4_store_response(accept, media_type):
    chosen = negotiate.choose_store_response(parse_accept(accept))
    assert (chosen.media_type, chosen.multipart) == (media_type, False)


@pytest.mark.parametrize("accept", [None, "text/html"])
def test_section_8_7_7_store_response_refused_when_strict(accept):
    with pytest.raises(NotAcceptable) as refusal:
        negotiate.choose_store_response(parse_accept(accept, strict=True))
    assert refusal.value.accepted == ("application/dicom+json", "application/dicom+xml")


# --- common rules ---------------------------------------------------------------------------------------------


def choosers():
    return {
        "instances": lambda preferences: negotiate.choose_instances(preferences, single=False),
        "instance": lambda preferences: negotiate.choose_instances(preferences, single=True),
        "metadata": lambda preferences: negotiate.choose_metadata(preferences, single=False),
        "frames": lambda preferences: negotiate.choose_frames(preferences, single=False, stored=None),
        "compressed frames": lambda preferences: negotiate.choose_frames(preferences, single=True, stored=J2K),
        "bulk": lambda preferences: negotiate.choose_bulk(preferences, single=True, stored=None),
        "search": negotiate.choose_search,
        "store": negotiate.choose_store_response,
    }


@pytest.mark.parametrize("name", choosers())
def test_section_8_7_7_no_accept_header_is_406_when_strict(name):
    with pytest.raises(NotAcceptable) as refusal:
        choosers()[name](parse_accept(None, strict=True))
    assert "Accept header" in refusal.value.message
    accepted_are_readable(refusal.value)
    choosers()[name](parse_accept(None))


@pytest.mark.parametrize("name", [name for name in choosers() if name not in {"store", "search"}])
@pytest.mark.parametrize(
    "accept",
    ["application/dicom, image/png", "image/gif, application/octet-stream", "text/html, application/dicom+json",
     'multipart/related; type="application/dicom", multipart/related; type="image/png"', "application/pdf, image/jls"],
)  # fmt: skip
def test_section_8_7_5_dicom_and_rendered_types_do_not_mix(name, accept):
    with pytest.raises(BadRequest) as refusal:
        choosers()[name](parse_accept(accept))
    assert refusal.value.section == "8.7.5"


@pytest.mark.parametrize(
    "accept",
    ["application/dicom, image/jpeg, */*", "application/octet-stream, image/jpeg, */*;q=0.1", "text/html, */*",
     "application/dicom, image/png;q=0, */*", "image/png, image/*, */*"],
)  # fmt: skip
@pytest.mark.parametrize("name", ["instance", "frames", "compressed frames", "metadata"])
def test_section_8_7_5_no_mixture(name, accept):
    choosers()[name](parse_accept(accept))


def test_section_8_7_8_1_unsupported_accept_parameter_falls_back_to_the_header():
    chosen = negotiate.choose_metadata(parse_accept("*/*", ("application/x-unknown",)), single=False)
    assert chosen.media_type == "application/dicom+json"


def test_section_8_7_8_1_accept_parameter_comes_first():
    preferences = parse_accept("application/dicom+json, */*;q=0.1", (RELATED_XML,))
    assert negotiate.choose_metadata(preferences, single=False).media_type == "application/dicom+xml"


def test_section_8_3_3_1_accept_parameter_outside_of_the_header():
    with pytest.raises(NotAcceptable) as refusal:
        negotiate.choose_metadata(parse_accept("image/jpeg", ("image/png",)), single=False)
    assert "narrow" in refusal.value.message


def test_links_with_accept_parameter_work_in_browsers():
    browser = "text/html,application/xhtml+xml,application/xml;q=0.9,image/png,*/*;q=0.8"
    preferences = parse_accept(browser, ("application/dicom;transfer-syntax=*",))
    assert negotiate.choose_instances(preferences, single=True)[0].media_type == "application/dicom"


# --- instances ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accept", "media_type", "multipart", "transfer_syntax"),
    [
        (None, "application/dicom", True, None),
        ("*/*", "application/dicom", True, None),
        ("multipart/related", "application/dicom", True, None),
        ("multipart/*", "application/dicom", True, None),
        ('multipart/related; type="application/*"', "application/dicom", True, None),
        (RELATED_DICOM, "application/dicom", True, None),
        (related("application/dicom", "*"), "application/dicom", True, "*"),
        ('multipart/related; type="*/*"; transfer-syntax=*', "application/dicom", True, "*"),
        (related("application/dicom", J2K), "application/dicom", True, J2K),
        (
            f"{related('application/dicom', J2K)};q=0.5, {related('application/dicom', JLS)}",
            "application/dicom",
            True,
            JLS,
        ),
        (RELATED_OCTETS, "application/octet-stream", True, None),
    ],
)
@pytest.mark.parametrize("single", [True, False])
def test_table_10_4_4_1_instances(accept, media_type, multipart, transfer_syntax, single):
    best = negotiate.choose_instances(parse_accept(accept), single=single)[0]
    assert (best.media_type, best.multipart, best.transfer_syntax) == (media_type, multipart, transfer_syntax)


@pytest.mark.parametrize("accept", ["application/dicom", "application/*", "application/dicom; transfer-syntax=*"])
def test_table_10_4_4_1_single_part_only_for_one_instance(accept):
    assert not negotiate.choose_instances(parse_accept(accept), single=True)[0].multipart
    with pytest.raises(NotAcceptable) as refusal:
        negotiate.choose_instances(parse_accept(accept), single=False)
    assert refusal.value.accepted == (related("application/dicom", "*"), RELATED_OCTETS)


@pytest.mark.parametrize("accept", ["image/png", "application/dicom+json", "application/octet-stream", "image/jpeg"])
def test_section_8_7_7_instances_refused(accept):
    with pytest.raises(NotAcceptable) as refusal:
        negotiate.choose_instances(parse_accept(accept), single=True)
    accepted_are_readable(refusal.value)


def test_historical_bulk_data_type_is_never_meant_by_a_wildcard():
    for accept in ("*/*", "multipart/related", 'multipart/related; type="application/*"'):
        chosen = negotiate.choose_instances(parse_accept(accept), single=False)
        assert {entry.media_type for entry in chosen} == {"application/dicom"}


AS_STORED, TO_EXPLICIT = TransferPlan.AS_STORED, TransferPlan.TO_EXPLICIT_LE
DECOMPRESS, TRANSCODE, NEVER = (
    TransferPlan.NEEDS_DECOMPRESSION,
    TransferPlan.NEEDS_TRANSCODING,
    TransferPlan.NOT_FOR_THE_WEB,
)

TRANSFER_SYNTAX_SELECTION = [
    # stored, asked for without a parameter, *, Explicit VR LE, and as stored
    (EXPLICIT, AS_STORED, AS_STORED, AS_STORED, AS_STORED),
    (IMPLICIT, TO_EXPLICIT, TO_EXPLICIT, TO_EXPLICIT, NEVER),
    (BIG, TO_EXPLICIT, TO_EXPLICIT, TO_EXPLICIT, NEVER),
    (DEFLATED, TO_EXPLICIT, AS_STORED, TO_EXPLICIT, AS_STORED),
    (ENCAPSULATED, DECOMPRESS, AS_STORED, DECOMPRESS, AS_STORED),
    (DEFLATED_FRAMES, DECOMPRESS, AS_STORED, DECOMPRESS, AS_STORED),
    (LOSSLESS, DECOMPRESS, AS_STORED, DECOMPRESS, AS_STORED),
    (LOSSLESS_P14, DECOMPRESS, AS_STORED, DECOMPRESS, AS_STORED),
    (RLE, DECOMPRESS, AS_STORED, DECOMPRESS, AS_STORED),
    (JLS, DECOMPRESS, AS_STORED, DECOMPRESS, AS_STORED),
    (J2K, DECOMPRESS, AS_STORED, DECOMPRESS, AS_STORED),
    (HTJ2K, DECOMPRESS, AS_STORED, DECOMPRESS, AS_STORED),
    (JXL, DECOMPRESS, AS_STORED, DECOMPRESS, AS_STORED),
    (BASELINE, AS_STORED, AS_STORED, DECOMPRESS, AS_STORED),
    (NEAR_JLS, AS_STORED, AS_STORED, DECOMPRESS, AS_STORED),
    (J2K_LOSSY, AS_STORED, AS_STORED, DECOMPRESS, AS_STORED),
    (MPEG2, AS_STORED, AS_STORED, DECOMPRESS, AS_STORED),
    (H264, AS_STORED, AS_STORED, DECOMPRESS, AS_STORED),
    (f"{PREFIX}.4.94", AS_STORED, AS_STORED, DECOMPRESS, AS_STORED),  # JPIP: a URL instead of pixels
    (f"{PREFIX}.4.95", AS_STORED, AS_STORED, DECOMPRESS, AS_STORED),
    ("1.3.6.1.4.1.99999.1", DECOMPRESS, AS_STORED, DECOMPRESS, AS_STORED),
]


@pytest.mark.parametrize(("stored", "default", "any_syntax", "explicit", "same"), TRANSFER_SYNTAX_SELECTION)
def test_section_8_7_8_2_transfer_syntax_selection(stored, default, any_syntax, explicit, same):
    def plan(transfer_syntax):
        representation = negotiate.Representation("application/dicom", multipart=True, transfer_syntax=transfer_syntax)
        return negotiate.resolve_instance(representation, stored)

    assert (plan(None), plan("*"), plan(EXPLICIT), plan(stored)) == (default, any_syntax, explicit, same)
    assert plan(IMPLICIT) is NEVER
    assert plan(BIG) is NEVER
    other = JLS if stored != JLS else J2K
    assert plan(other) is TRANSCODE


@pytest.mark.parametrize("uid", transfer_syntaxes.TRANSFER_SYNTAXES)
def test_section_8_7_3_1_star_never_sends_implicit_or_big_endian(uid):
    plan = negotiate.plan_instance([negotiate.Representation("application/dicom", True, "*")], uid)
    assert plan.transfer_syntax not in {IMPLICIT, BIG}


def instance_plan(accept, stored, *, single=True):
    return negotiate.plan_instance(negotiate.choose_instances(parse_accept(accept), single=single), stored)


def test_section_8_7_8_2_best_possible_range_wins():
    accept = f"{related('application/dicom', JLS)}, {related('application/dicom', '*')};q=0.5"
    assert instance_plan(accept, JLS).representation.transfer_syntax == JLS
    plan = instance_plan(accept, J2K)
    assert (plan.representation.transfer_syntax, plan.transfer_syntax, plan.plan) == ("*", J2K, AS_STORED)


def test_section_8_7_8_1_ties_prefer_the_stored_form():
    accept = f"{related('application/dicom')}, {related('application/dicom', DEFLATED)}"
    assert instance_plan(accept, DEFLATED).plan is AS_STORED
    accept = f"{related('application/dicom')}, {related('application/dicom', DEFLATED)};q=0.9"
    assert instance_plan(accept, DEFLATED).plan is TO_EXPLICIT


def test_the_bulk_data_type_is_passed_over_when_an_instance_is_planned():
    accept = f"{RELATED_OCTETS};q=0.9, {RELATED_DICOM};q=0.5"
    assert negotiate.choose_instances(parse_accept(accept), single=True)[0].media_type == "application/octet-stream"
    assert instance_plan(accept, EXPLICIT).representation.media_type == "application/dicom"


def test_q_zero_excludes_a_transfer_syntax_from_star():
    accept = f"{related('application/dicom', J2K)};q=0, {related('application/dicom', '*')}"
    assert instance_plan(accept, JLS).plan is AS_STORED
    with pytest.raises(NotAcceptable):
        instance_plan(accept, J2K)
    accept = f"{related('application/dicom', DEFLATED)};q=0, {related('application/dicom', '*')}"
    assert instance_plan(accept, DEFLATED).plan is TO_EXPLICIT
    accept = f"{related('application/dicom', BASELINE)};q=0, {related('application/dicom')}"
    with pytest.raises(NotAcceptable):
        instance_plan(accept, BASELINE)


def test_section_8_7_3_2_transfer_syntax_is_echoed():
    assert instance_plan("*/*", IMPLICIT).content_type == f"application/dicom; transfer-syntax={EXPLICIT}"
    assert (
        instance_plan(related("application/dicom", "*"), J2K).content_type
        == f"application/dicom; transfer-syntax={J2K}"
    )


@pytest.mark.parametrize(
    ("accept", "stored", "words", "accepted"),
    [
        (RELATED_DICOM, J2K, "decompress", (related("application/dicom", "*"), related("application/dicom", J2K))),
        ("*/*", RLE, "decompress", (related("application/dicom", "*"), related("application/dicom", RLE))),
        (related("application/dicom", J2K), EXPLICIT, "transcode",
         (related("application/dicom", "*"), related("application/dicom", EXPLICIT))),
        (related("application/dicom", IMPLICIT), IMPLICIT, "shall not be used",
         (related("application/dicom", "*"), related("application/dicom", EXPLICIT))),
    ],
)  # fmt: skip
def test_section_8_7_8_2_refusals_say_why_and_what_can_be_had(accept, stored, words, accepted):
    with pytest.raises(NotAcceptable) as refusal:
        instance_plan(accept, stored)
    assert words in refusal.value.message
    assert refusal.value.accepted == accepted
    for text in refusal.value.accepted:
        assert instance_plan(text, stored).plan.possible


# --- frames and bulk data -------------------------------------------------------------------------------------

COMPRESSED = [
    (BASELINE, "image/jpeg"), (LOSSLESS_P14, "image/jpeg"), (LOSSLESS, "image/jpeg"), (RLE, "image/dicom-rle"),
    (JLS, "image/jls"), (NEAR_JLS, "image/jls"), (J2K, "image/jp2"), (J2K_LOSSY, "image/jp2"),
    (f"{PREFIX}.4.92", "image/jpx"), (HTJ2K, "image/jphc"), (HTJ2K_RPCL, "image/jphc"), (JXL, "image/jxl"),
    (DEFLATED_FRAMES, "application/x-deflate"), (MPEG2, "video/mpeg"), (H264, "video/mp4"), (H265, "video/H265"),
]  # fmt: skip


@pytest.mark.parametrize(("stored", "media_type"), COMPRESSED)
def test_table_8_7_3_5_compressed_frames_as_stored(stored, media_type):
    family = media_type.partition("/")[0]
    for accept in (
        None, "*/*", "multipart/related", 'multipart/related; type="*/*"',
        'multipart/related; type="*/*"; transfer-syntax=*',
        related(f"{family}/*"), related(media_type), related(media_type, stored), related(media_type, "*"),
        f'multipart/related; type="{media_type}; transfer-syntax={stored}"', f"{RELATED_OCTETS}, */*;q=0.1",
    ):  # fmt: skip
        plan = negotiate.choose_frames(parse_accept(accept), single=False, stored=stored)
        assert (plan.media_type, plan.transfer_syntax, plan.multipart, plan.as_stored) == (
            media_type,
            stored,
            True,
            True,
        )
        assert plan.content_type == f"{media_type}; transfer-syntax={stored}"


@pytest.mark.parametrize(("stored", "media_type"), COMPRESSED)
def test_table_8_7_3_5_compressed_frames_refused(stored, media_type):
    other = J2K if stored != J2K else JLS
    for accept in (
        RELATED_OCTETS, related("application/octet-stream", "*"), related("application/octet-stream", EXPLICIT),
        related(media_type, other), related("image/jph"), related("*/*", EXPLICIT), media_type,
        "application/octet-stream",
    ):  # fmt: skip
        with pytest.raises(NotAcceptable) as refusal:
            negotiate.choose_frames(parse_accept(accept), single=False, stored=stored)
        assert "decompress" in refusal.value.message
        assert refusal.value.section == "8.7.8.2"
        assert refusal.value.accepted == (related(media_type, stored),)


@pytest.mark.parametrize(
    ("alias", "stored", "name"), [("image/x-jls", JLS, "image/jls"), ("image/x-dicom-rle", RLE, "image/dicom-rle")]
)
def test_old_names_of_media_types(alias, stored, name):
    assert negotiate.choose_frames(parse_accept(related(alias)), single=False, stored=stored).media_type == name
    assert negotiate.choose_frames(parse_accept(alias), single=True, stored=stored).media_type == name


@pytest.mark.parametrize("stored", [None, ENCAPSULATED])
@pytest.mark.parametrize(
    ("accept", "multipart", "transfer_syntax"),
    [
        (None, True, EXPLICIT),
        ("*/*", True, EXPLICIT),
        ('multipart/related; type="*/*"', True, EXPLICIT),
        ('multipart/related; type="application/*"', True, EXPLICIT),
        (RELATED_OCTETS, True, EXPLICIT),
        (related("application/octet-stream", "*"), True, EXPLICIT),
        (related("application/octet-stream", EXPLICIT), True, EXPLICIT),
        (related("application/octet-stream", ENCAPSULATED), True, ENCAPSULATED),
        (f"{related('image/jp2')}, {RELATED_OCTETS};q=0.1", True, EXPLICIT),
        ("application/octet-stream", False, EXPLICIT),
        ("application/*", False, EXPLICIT),
        ("application/octet-stream; transfer-syntax=*", False, EXPLICIT),
    ],
)
def test_table_8_7_3_4_native_frames(accept, multipart, transfer_syntax, stored):
    plan = negotiate.choose_frames(parse_accept(accept), single=True, stored=stored)
    assert (plan.media_type, plan.multipart, plan.transfer_syntax) == (
        "application/octet-stream",
        multipart,
        transfer_syntax,
    )
    assert plan.as_stored is (stored is not None)


@pytest.mark.parametrize(
    "accept",
    [related("image/jp2"), related("image/*"), related("application/octet-stream", IMPLICIT),
    related("application/octet-stream", J2K),
     "image/jpeg", related("application/dicom"), related("*/*", J2K)],
)  # fmt: skip
def test_section_8_7_7_native_frames_refused(accept):
    with pytest.raises(NotAcceptable) as refusal:
        negotiate.choose_frames(parse_accept(accept), single=False, stored=None)
    assert refusal.value.section == "8.7.7"
    assert refusal.value.accepted[0] == related("application/octet-stream", EXPLICIT)


@pytest.mark.parametrize("stored", [None, J2K])
def test_table_10_4_4_1_single_part_only_for_one_item(stored):
    accept = "application/octet-stream" if stored is None else "image/jp2"
    for choose in (negotiate.choose_frames, negotiate.choose_bulk):
        assert not choose(parse_accept(accept), single=True, stored=stored).multipart
        with pytest.raises(NotAcceptable):
            choose(parse_accept(accept), single=False, stored=stored)


@pytest.mark.parametrize(
    ("accept", "single", "multipart"),
    [("*/*", True, False), (None, True, False), ("*/*", False, True), ('multipart/related; type="*/*"', True, True),
     (RELATED_OCTETS, True, True), ("application/octet-stream", True, False), (f"{RELATED_OCTETS}, */*", True, True)],
)  # fmt: skip
def test_table_10_4_4_1_bulk_data(accept, single, multipart):
    plan = negotiate.choose_bulk(parse_accept(accept), single=single, stored=None)
    assert (plan.media_type, plan.multipart) == ("application/octet-stream", multipart)


def test_q_zero_excludes_a_transfer_syntax_of_frames():
    accept = f"{related('image/jp2', J2K)};q=0, */*"
    with pytest.raises(NotAcceptable):
        negotiate.choose_frames(parse_accept(accept), single=False, stored=J2K)
    assert negotiate.choose_frames(parse_accept(accept), single=False, stored=J2K_LOSSY).transfer_syntax == J2K_LOSSY


def test_pixel_data_without_any_media_type_cannot_be_had():
    with pytest.raises(NotAcceptable):
        negotiate.choose_frames(parse_accept("*/*"), single=False, stored="1.3.6.1.4.1.99999.1")


def test_media_types_of_the_registry_are_those_of_the_table():
    registered = {syntax.media_type.lower() for syntax in map(transfer_syntaxes.get, dict(COMPRESSED)) if syntax}
    assert registered == negotiate.COMPRESSED_TYPES
