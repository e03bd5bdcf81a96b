"""Content negotiation: PS3.18 8.7, Tables 8.7.3-2 to 8.7.3-5 and 10.4.4-1."""

from __future__ import annotations

import pytest

from filmjacket.dicom import transfer_syntaxes
from filmjacket.errors import BadRequest, NotAcceptable
from filmjacket.pixels.forms import DECODABLE
from filmjacket.web import negotiate, negotiate_bulk, offers
from filmjacket.web.accept import parse_accept
from filmjacket.web.media_types import parse_media_type
from filmjacket.web.negotiate import TransferPlan
from filmjacket.web.negotiate_bulk import Items, Making
from filmjacket.web.reach import Reach

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

OCTETS = "application/octet-stream"
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


def only_stored(stored: str | None) -> Reach:
    """An instance that cannot be converted; None is a native one."""
    return Reach(stored or EXPLICIT, encapsulated=stored is not None)


def frames(preferences, *, single, stored):
    return negotiate_bulk.choose_frames(preferences, single=single, reach=only_stored(stored))


def bulk(preferences, *, single, stored, document_type=None):
    reach = None if stored is None else only_stored(stored)
    items = Items(native=single, compressed=single)
    return negotiate_bulk.choose_bulk(preferences, items=items, reach=reach, document_type=document_type)


def choosers():
    return {
        "instances": lambda preferences: negotiate.choose_instances(preferences, single=False),
        "instance": lambda preferences: negotiate.choose_instances(preferences, single=True),
        "metadata": lambda preferences: negotiate.choose_metadata(preferences, single=False),
        "frames": lambda preferences: frames(preferences, single=False, stored=None),
        "compressed frames": lambda preferences: frames(preferences, single=True, stored=J2K),
        "bulk": lambda preferences: bulk(preferences, single=True, stored=None),
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
    zipped = "application/zip; transfer-syntax=*"
    assert refusal.value.accepted == (related("application/dicom", "*"), RELATED_OCTETS, zipped)


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
TRANSCODE, OUT_OF_REACH, NEVER = (
    TransferPlan.TRANSCODE,
    TransferPlan.OUT_OF_REACH,
    TransferPlan.NOT_FOR_THE_WEB,
)

TRANSFER_SYNTAX_SELECTION = [
    # stored, asked for without a parameter, *, Explicit VR LE, and as stored
    (EXPLICIT, AS_STORED, AS_STORED, AS_STORED, AS_STORED),
    (IMPLICIT, TO_EXPLICIT, TO_EXPLICIT, TO_EXPLICIT, NEVER),
    (BIG, TO_EXPLICIT, TO_EXPLICIT, TO_EXPLICIT, NEVER),
    (DEFLATED, TO_EXPLICIT, AS_STORED, TO_EXPLICIT, AS_STORED),
    (ENCAPSULATED, TRANSCODE, AS_STORED, TRANSCODE, AS_STORED),
    (DEFLATED_FRAMES, TRANSCODE, AS_STORED, TRANSCODE, AS_STORED),
    (LOSSLESS, TRANSCODE, AS_STORED, TRANSCODE, AS_STORED),
    (LOSSLESS_P14, TRANSCODE, AS_STORED, TRANSCODE, AS_STORED),
    (RLE, TRANSCODE, AS_STORED, TRANSCODE, AS_STORED),
    (JLS, TRANSCODE, AS_STORED, TRANSCODE, AS_STORED),
    (J2K, TRANSCODE, AS_STORED, TRANSCODE, AS_STORED),
    (HTJ2K, TRANSCODE, AS_STORED, TRANSCODE, AS_STORED),
    (JXL, TRANSCODE, AS_STORED, TRANSCODE, AS_STORED),
    (BASELINE, AS_STORED, AS_STORED, TRANSCODE, AS_STORED),
    (NEAR_JLS, AS_STORED, AS_STORED, TRANSCODE, AS_STORED),
    (J2K_LOSSY, AS_STORED, AS_STORED, TRANSCODE, AS_STORED),
    (MPEG2, AS_STORED, AS_STORED, OUT_OF_REACH, AS_STORED),
    (H264, AS_STORED, AS_STORED, OUT_OF_REACH, AS_STORED),
    (f"{PREFIX}.4.94", AS_STORED, AS_STORED, OUT_OF_REACH, AS_STORED),  # JPIP: a URL instead of pixels
    (f"{PREFIX}.4.95", AS_STORED, AS_STORED, OUT_OF_REACH, AS_STORED),
    ("1.3.6.1.4.1.99999.1", OUT_OF_REACH, AS_STORED, OUT_OF_REACH, AS_STORED),
]


@pytest.mark.parametrize(("stored", "default", "any_syntax", "explicit", "same"), TRANSFER_SYNTAX_SELECTION)
def test_section_8_7_8_2_transfer_syntax_selection(stored, default, any_syntax, explicit, same):
    def plan(transfer_syntax):
        representation = negotiate.Representation("application/dicom", multipart=True, transfer_syntax=transfer_syntax)
        return negotiate.resolve_instance(representation, reach)

    reach = reach_of_sound_pixels(stored)

    assert (plan(None), plan("*"), plan(EXPLICIT), plan(stored)) == (default, any_syntax, explicit, same)
    assert plan(IMPLICIT) is NEVER
    assert plan(BIG) is NEVER
    other = JLS if stored != JLS else J2K
    assert plan(other) is (TRANSCODE if other in reach.lossless else OUT_OF_REACH)
    assert plan(BASELINE) is (AS_STORED if stored == BASELINE else plan(other))


def reach_of_sound_pixels(stored):
    """What an instance can be had in if nothing is in the way of decoding it."""
    syntax = transfer_syntaxes.get(stored)
    encapsulated = syntax is None or syntax.encapsulated
    if stored not in DECODABLE:
        return Reach(stored, encapsulated)
    return Reach.at_best(stored, encapsulated=encapsulated)


def test_section_8_7_8_2_too_large_for_a_native_data_set():
    """The second exception: any lossless form will do, unless Explicit VR LE is demanded."""
    reach = Reach(J2K, encapsulated=True, lossless=(JLS, ENCAPSULATED), oversized=True)
    for wanted, expected in ((None, AS_STORED), ("*", AS_STORED), (EXPLICIT, OUT_OF_REACH), (JLS, TRANSCODE)):
        assert (
            negotiate.resolve_instance(negotiate.Representation("application/dicom", True, wanted), reach) is expected
        )
    octets = negotiate_bulk.choose_frames(parse_accept(RELATED_OCTETS), single=False, reach=reach)
    assert octets.making is Making.CODED  # a stream of bytes has no length to be too short


@pytest.mark.parametrize("uid", transfer_syntaxes.TRANSFER_SYNTAXES)
def test_section_8_7_3_1_star_never_sends_implicit_or_big_endian(uid):
    plan = negotiate.plan_instance(
        [negotiate.Representation("application/dicom", True, "*")], reach_of_sound_pixels(uid)
    )
    assert plan.transfer_syntax not in {IMPLICIT, BIG}


def instance_plan(accept, stored, *, single=True):
    reach = stored if isinstance(stored, Reach) else reach_of_sound_pixels(stored)
    return negotiate.plan_instance(negotiate.choose_instances(parse_accept(accept), single=single), reach)


def test_section_8_7_8_2_best_possible_range_wins():
    accept = f"{related('application/dicom', JLS)}, {related('application/dicom', '*')};q=0.5"
    assert instance_plan(accept, JLS).representation.transfer_syntax == JLS
    plan = instance_plan(accept, J2K)
    assert (plan.representation.transfer_syntax, plan.transfer_syntax, plan.plan) == (JLS, JLS, TRANSCODE)
    plan = instance_plan(accept, only_stored(J2K))
    assert (plan.representation.transfer_syntax, plan.transfer_syntax, plan.plan) == ("*", J2K, AS_STORED)


def test_section_8_7_8_1_ties_prefer_the_stored_form():
    accept = f"{related('application/dicom')}, {related('application/dicom', DEFLATED)}"
    assert instance_plan(accept, DEFLATED).plan is AS_STORED
    accept = f"{related('application/dicom')}, {related('application/dicom', DEFLATED)};q=0.9"
    assert instance_plan(accept, DEFLATED).plan is TO_EXPLICIT


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        (f"{RELATED_OCTETS};q=0.9, {RELATED_DICOM};q=0.5", "application/octet-stream"),
        (f"{RELATED_OCTETS};q=0.4, {RELATED_DICOM};q=0.5, application/dicom;q=0.3", "application/dicom"),
        (f"application/zip;transfer-syntax=*, {RELATED_DICOM};q=0.5, application/zip;q=0.9", "application/zip"),
        ("application/zip;q=0.1, */*", "application/dicom"),
    ],
)
def test_representations_to_choose_from_are_of_one_media_type(accept, media_type):
    chosen = negotiate.choose_instances(parse_accept(accept), single=True)
    assert {entry.media_type for entry in chosen} == {media_type}


@pytest.mark.parametrize("accept", ["*/*", "application/*", "multipart/related"])
def test_zip_is_only_sent_to_those_who_ask_for_it_by_name(accept):
    chosen = negotiate.choose_instances(parse_accept(accept), single=True)
    assert {entry.media_type for entry in chosen} == {"application/dicom"}


@pytest.mark.parametrize("accept", ["application/*", 'multipart/related; type="application/zip"', "zip"])
def test_what_is_no_name_of_zip_is_refused_and_told_it(accept):
    with pytest.raises(NotAcceptable) as refusal:
        negotiate.choose_instances(parse_accept(accept), single=False)
    assert "application/zip; transfer-syntax=*" in refusal.value.accepted


def test_a_zip_that_cannot_be_had_says_which_can():
    with pytest.raises(NotAcceptable) as refusal:
        instance_plan("application/zip", only_stored(J2K))
    assert refusal.value.accepted == tuple(f"application/zip; transfer-syntax={name}" for name in ("*", J2K))


def test_q_zero_excludes_a_transfer_syntax_from_star():
    accept = f"{related('application/dicom', J2K)};q=0, {related('application/dicom', '*')}"
    assert instance_plan(accept, JLS).plan is AS_STORED
    plan = instance_plan(accept, J2K)
    assert (plan.plan, plan.transfer_syntax) == (TRANSCODE, EXPLICIT)
    with pytest.raises(NotAcceptable):
        instance_plan(accept, only_stored(J2K))
    accept = f"{related('application/dicom', DEFLATED)};q=0, {related('application/dicom', '*')}"
    assert instance_plan(accept, DEFLATED).plan is TO_EXPLICIT
    accept = f"{related('application/dicom', BASELINE)};q=0, {related('application/dicom')}"
    assert instance_plan(accept, BASELINE).plan is TRANSCODE
    with pytest.raises(NotAcceptable):
        instance_plan(accept, only_stored(BASELINE))


def test_section_8_7_3_2_transfer_syntax_is_echoed():
    assert instance_plan("*/*", IMPLICIT).content_type == f"application/dicom; transfer-syntax={EXPLICIT}"
    assert (
        instance_plan(related("application/dicom", "*"), J2K).content_type
        == f"application/dicom; transfer-syntax={J2K}"
    )


@pytest.mark.parametrize(
    ("accept", "stored", "words", "accepted"),
    [
        (RELATED_DICOM, J2K, "no form", (related("application/dicom", "*"), related("application/dicom", J2K))),
        ("*/*", RLE, "no form", (related("application/dicom", "*"), related("application/dicom", RLE))),
        (related("application/dicom", J2K), EXPLICIT, "no form",
         (related("application/dicom", "*"), related("application/dicom", EXPLICIT))),
        (related("application/dicom", IMPLICIT), IMPLICIT, "shall not be used",
         (related("application/dicom", "*"), related("application/dicom", EXPLICIT))),
    ],
)  # fmt: skip
def test_section_8_7_8_2_refusals_say_why_and_what_can_be_had(accept, stored, words, accepted):
    reach = Reach(stored, encapsulated=stored in {J2K, RLE})
    with pytest.raises(NotAcceptable) as refusal:
        instance_plan(accept, reach)
    assert words in refusal.value.message
    assert refusal.value.accepted == accepted
    for text in refusal.value.accepted:
        assert instance_plan(text, reach).plan.possible


def test_refusals_list_every_conversion():
    reach = Reach(J2K, encapsulated=True, lossless=(EXPLICIT, JLS), lossy=(J2K_LOSSY,), obstacle="")
    with pytest.raises(NotAcceptable) as refusal:
        instance_plan(related("application/dicom", BASELINE), reach)
    assert refusal.value.accepted == tuple(
        related("application/dicom", uid) for uid in ("*", J2K, EXPLICIT, JLS, J2K_LOSSY)
    )
    for text in refusal.value.accepted:
        assert instance_plan(text, reach).plan.possible


def test_what_is_in_the_way_is_said():
    reach = Reach(J2K, encapsulated=True, obstacle="Rows is 0")
    for refused in (
        lambda: instance_plan(RELATED_DICOM, reach),
        lambda: negotiate_bulk.choose_frames(parse_accept(RELATED_OCTETS), single=False, reach=reach),
    ):
        with pytest.raises(NotAcceptable, match="Rows is 0"):
            refused()


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
        related(f"{family}/*"), related(media_type, stored), related(media_type, "*"),
        f'multipart/related; type="{media_type}; transfer-syntax={stored}"', f"{RELATED_OCTETS}, */*;q=0.1",
    ):  # fmt: skip
        plan = frames(parse_accept(accept), single=False, stored=stored)
        assert (plan.media_type, plan.transfer_syntax, plan.multipart, plan.making) == (
            media_type,
            stored,
            True,
            Making.STORED,
        )
        assert plan.content_type == f"{media_type}; transfer-syntax={stored}"


@pytest.mark.parametrize(("stored", "media_type"), COMPRESSED)
def test_table_8_7_3_5_a_media_type_alone_asks_for_its_default_transfer_syntax(stored, media_type):
    """And lossy data are excepted, since nothing else can be made of them (8.7.8.2)."""
    syntax = transfer_syntaxes.get(stored)
    defaults = {LOSSLESS, RLE, JLS, J2K, f"{PREFIX}.4.92", HTJ2K, HTJ2K_RPCL, JXL, DEFLATED_FRAMES}
    if stored in defaults or syntax.lossy:
        plan = frames(parse_accept(related(media_type)), single=False, stored=stored)
        assert (plan.media_type, plan.transfer_syntax) == (media_type, stored)
        return
    with pytest.raises(NotAcceptable) as refusal:
        frames(parse_accept(related(media_type)), single=False, stored=stored)
    assert refusal.value.accepted == (related(media_type, stored),)


@pytest.mark.parametrize(
    ("accept", "media_type", "multipart"),
    [
        ("*/*", "application/pdf", False),
        ("application/pdf", "application/pdf", False),
        ("application/*", "application/pdf", False),
        (related("application/pdf"), "application/pdf", True),
        (related("*/*"), "application/pdf", True),
        ("application/octet-stream", "application/octet-stream", False),
        (RELATED_OCTETS, "application/octet-stream", True),
        ("application/pdf;q=0.2, application/octet-stream", "application/octet-stream", False),
        ("text/html, */*;q=0.8", "application/pdf", False),
    ],
)
def test_bulk_data_of_a_document_are_of_its_own_media_type(accept, media_type, multipart):
    plan = bulk(parse_accept(accept), single=True, stored=None, document_type="application/pdf")
    assert (plan.media_type, plan.multipart) == (media_type, multipart)


@pytest.mark.parametrize(
    ("document_type", "accept", "media_type"),
    [
        ("text/XML", "*/*", "application/octet-stream"),
        ("text/XML", "text/xml", "text/xml"),
        ("model/stl", "*/*", "model/stl"),
        ("text/html", "text/html,*/*;q=0.1", "application/octet-stream"),
        ("image/svg+xml", "image/svg+xml, */*;q=0.1", "application/octet-stream"),
        ("application/xhtml+xml; charset=utf-8", "application/xhtml+xml, */*;q=0.1", "application/octet-stream"),
        ("no media type", "*/*", "application/octet-stream"),
        (None, "*/*", "application/octet-stream"),
    ],
)
def test_a_document_never_becomes_a_page_of_this_server(document_type, accept, media_type):
    """What somebody stored must not run scripts with the rights of the archive's own pages."""
    plan = bulk(parse_accept(accept), single=True, stored=None, document_type=document_type)
    assert plan.media_type == media_type


@pytest.mark.parametrize(("stored", "media_type"), COMPRESSED)
def test_table_8_7_3_5_compressed_frames_refused(stored, media_type):
    other = J2K if stored != J2K else JLS
    for accept in (
        RELATED_OCTETS, related("application/octet-stream", "*"), related("application/octet-stream", EXPLICIT),
        related(media_type, other), related("image/jph"), related("*/*", EXPLICIT), media_type,
        "application/octet-stream",
    ):  # fmt: skip
        with pytest.raises(NotAcceptable) as refusal:
            frames(parse_accept(accept), single=False, stored=stored)
        assert refusal.value.section == "8.7.7"
        assert refusal.value.accepted == (related(media_type, stored),)


@pytest.mark.parametrize(
    ("alias", "stored", "name"), [("image/x-jls", JLS, "image/jls"), ("image/x-dicom-rle", RLE, "image/dicom-rle")]
)
def test_old_names_of_media_types(alias, stored, name):
    assert frames(parse_accept(related(alias)), single=False, stored=stored).media_type == name
    assert frames(parse_accept(alias), single=True, stored=stored).media_type == name


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
    plan = frames(parse_accept(accept), single=True, stored=stored)
    assert (plan.media_type, plan.multipart, plan.transfer_syntax) == (
        "application/octet-stream",
        multipart,
        transfer_syntax,
    )
    assert plan.making is (Making.NATIVE if stored is None else Making.STORED)


@pytest.mark.parametrize(
    "accept",
    [related("image/jp2"), related("image/*"), related("application/octet-stream", IMPLICIT),
    related("application/octet-stream", J2K),
     "image/jpeg", related("application/dicom"), related("*/*", J2K)],
)  # fmt: skip
def test_section_8_7_7_native_frames_refused(accept):
    with pytest.raises(NotAcceptable) as refusal:
        frames(parse_accept(accept), single=False, stored=None)
    assert refusal.value.section == "8.7.7"
    assert refusal.value.accepted[0] == related("application/octet-stream", EXPLICIT)


@pytest.mark.parametrize("stored", [None, J2K])
def test_table_10_4_4_1_single_part_only_for_one_item(stored):
    accept = "application/octet-stream" if stored is None else "image/jp2"
    for choose in (frames, bulk):
        assert not choose(parse_accept(accept), single=True, stored=stored).multipart
        with pytest.raises(NotAcceptable):
            choose(parse_accept(accept), single=False, stored=stored)


@pytest.mark.parametrize(
    ("accept", "single", "multipart"),
    [("*/*", True, False), (None, True, False), ("*/*", False, True), ('multipart/related; type="*/*"', True, True),
     (RELATED_OCTETS, True, True), ("application/octet-stream", True, False), (f"{RELATED_OCTETS}, */*", True, True)],
)  # fmt: skip
def test_table_10_4_4_1_bulk_data(accept, single, multipart):
    plan = bulk(parse_accept(accept), single=single, stored=None)
    assert (plan.media_type, plan.multipart) == ("application/octet-stream", multipart)


def test_q_zero_excludes_a_transfer_syntax_of_frames():
    accept = f"{related('image/jp2', J2K)};q=0, */*"
    with pytest.raises(NotAcceptable):
        frames(parse_accept(accept), single=False, stored=J2K)
    assert frames(parse_accept(accept), single=False, stored=J2K_LOSSY).transfer_syntax == J2K_LOSSY


CODED_FRAMES = [
    # stored, Accept, the answer and where it comes from
    (EXPLICIT, "*/*", OCTETS, EXPLICIT, Making.NATIVE),
    (EXPLICIT, related("image/jp2"), "image/jp2", J2K, Making.CODED),
    (EXPLICIT, related("image/jpeg"), "image/jpeg", LOSSLESS, Making.CODED),
    (EXPLICIT, related("image/jpeg", "*"), "image/jpeg", LOSSLESS, Making.CODED),
    (EXPLICIT, related("image/jpeg", LOSSLESS_P14), "image/jpeg", LOSSLESS_P14, Making.CODED),
    (EXPLICIT, related("image/jpeg", BASELINE), "image/jpeg", BASELINE, Making.CODED),
    (EXPLICIT, related("image/jphc"), "image/jphc", HTJ2K, Making.CODED),
    (EXPLICIT, related("image/jphc", HTJ2K_RPCL), "image/jphc", HTJ2K_RPCL, Making.CODED),
    (EXPLICIT, related("image/x-jls"), "image/jls", JLS, Making.CODED),
    (EXPLICIT, related("application/x-deflate"), "application/x-deflate", DEFLATED_FRAMES, Making.CODED),
    (EXPLICIT, f"{related('image/jp2')}, {RELATED_OCTETS}", OCTETS, EXPLICIT, Making.NATIVE),
    (EXPLICIT, f"{related('image/jp2')}, {RELATED_OCTETS};q=0.9", "image/jp2", J2K, Making.CODED),
    (J2K, "*/*", "image/jp2", J2K, Making.STORED),
    (J2K, RELATED_OCTETS, OCTETS, EXPLICIT, Making.CODED),
    (J2K, related("application/octet-stream", "*"), OCTETS, EXPLICIT, Making.CODED),
    (J2K, related("application/octet-stream", ENCAPSULATED), OCTETS, ENCAPSULATED, Making.CODED),
    (J2K, f"{related('image/jls')}, {related('image/jp2')}", "image/jp2", J2K, Making.STORED),
    (J2K, f"{related('image/jls')}, {related('image/jp2')};q=0.5", "image/jls", JLS, Making.CODED),
    (J2K, f"{RELATED_OCTETS}, */*;q=0.1", OCTETS, EXPLICIT, Making.CODED),
    (J2K, f"{related('image/jp2', J2K)};q=0, */*", OCTETS, EXPLICIT, Making.CODED),
    (LOSSLESS_P14, related("image/jpeg"), "image/jpeg", LOSSLESS, Making.CODED),
    (BASELINE, related("image/jpeg"), "image/jpeg", BASELINE, Making.STORED),
    (BASELINE, related("image/jpeg", LOSSLESS), "image/jpeg", LOSSLESS, Making.CODED),
    (BASELINE, RELATED_OCTETS, OCTETS, EXPLICIT, Making.CODED),
    (BASELINE, related("image/jxl"), "image/jxl", JXL, Making.CODED),
    (BASELINE, related("image/jxl", f"{PREFIX}.4.111"), "image/jxl", f"{PREFIX}.4.111", Making.CODED),
    (ENCAPSULATED, RELATED_OCTETS, OCTETS, EXPLICIT, Making.STORED),
    (ENCAPSULATED, related("image/jls"), "image/jls", JLS, Making.CODED),
]


@pytest.mark.parametrize(("stored", "accept", "media_type", "transfer_syntax", "making"), CODED_FRAMES)
def test_frames_that_are_coded_anew(stored, accept, media_type, transfer_syntax, making):
    plan = negotiate_bulk.choose_frames(parse_accept(accept), single=False, reach=reach_of_sound_pixels(stored))
    assert (plan.media_type, plan.transfer_syntax, plan.making) == (media_type, transfer_syntax, making)


@pytest.mark.parametrize("stored", [EXPLICIT, J2K, JLS, RLE])
@pytest.mark.parametrize("media_type", ["image/jpeg", "image/jls", "image/jp2", "image/jphc", "image/jxl", "image/*"])
@pytest.mark.parametrize("parameter", [None, "*"])
def test_section_8_7_8_2_nothing_is_lost_unasked(stored, media_type, parameter):
    plan = negotiate_bulk.choose_frames(
        parse_accept(related(media_type, parameter)), single=False, reach=reach_of_sound_pixels(stored)
    )
    assert not transfer_syntaxes.get(plan.transfer_syntax).lossy


@pytest.mark.parametrize(
    ("accept", "items", "multipart", "media_type"),
    [
        # native frames together are one item, compressed ones are one each (8.7.3.3)
        ("application/octet-stream", Items(native=True, compressed=False), False, OCTETS),
        ("image/jls", Items(native=True, compressed=False), None, ""),
        ("image/jls", Items(native=True, compressed=True), False, "image/jls"),
        ("application/octet-stream", Items(native=False, compressed=False), None, ""),
    ],
)
@pytest.mark.parametrize("choose", [negotiate_bulk.choose_pixels, negotiate_bulk.choose_bulk])
def test_table_10_4_4_1_forms_that_are_one_item(choose, accept, items, multipart, media_type):
    reach = reach_of_sound_pixels(J2K)
    if multipart is None:
        with pytest.raises(NotAcceptable):
            choose(parse_accept(accept), items=items, reach=reach)
        return
    plan = choose(parse_accept(accept), items=items, reach=reach)
    assert (plan.media_type, plan.multipart) == (media_type, multipart)


def test_pixel_data_without_any_media_type_cannot_be_had():
    with pytest.raises(NotAcceptable):
        frames(parse_accept("*/*"), single=False, stored="1.3.6.1.4.1.99999.1")


def test_media_types_of_the_registry_are_those_of_the_table():
    registered = {syntax.media_type.lower() for syntax in map(transfer_syntaxes.get, dict(COMPRESSED)) if syntax}
    assert registered == offers.COMPRESSED_TYPES
