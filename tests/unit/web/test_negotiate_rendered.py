"""Negotiation of rendered resources (PS3.18 8.7.4, Table 8.7.4-1)."""

from __future__ import annotations

import pytest

from filmjacket.errors import BadRequest, NotAcceptable
from filmjacket.web.accept import parse_accept
from filmjacket.web.negotiate_rendered import Category, RenderedPlan, choose_rendered, refuse_profile

SINGLE, MULTI, VIDEO, TEXT, OTHER = Category


@pytest.mark.parametrize(
    ("category", "alone", "accept", "expected"),
    [
        (SINGLE, True, "*/*", RenderedPlan("image/jpeg", multipart=False)),
        (SINGLE, True, "image/*", RenderedPlan("image/jpeg", multipart=False)),
        (SINGLE, True, "image/webp, image/*;q=0.8", RenderedPlan("image/jpeg", multipart=False)),
        (SINGLE, True, "image/gif;q=0.5, image/png", RenderedPlan("image/png", multipart=False)),
        (SINGLE, True, "image/jpeg;q=0, image/*", RenderedPlan("image/gif", multipart=False)),
        (SINGLE, True, "IMAGE/PNG; transfer-syntax=1.2.3", RenderedPlan("image/png", multipart=False)),
        (SINGLE, True, "multipart/related; type=image/jph", RenderedPlan("image/jph", multipart=True)),
        (SINGLE, False, "*/*", RenderedPlan("image/jpeg", multipart=True)),
        (SINGLE, False, 'multipart/related; type="image/*"', RenderedPlan("image/jpeg", multipart=True)),
        (MULTI, True, "*/*", RenderedPlan("image/gif", multipart=False)),
        (MULTI, True, "multipart/related", RenderedPlan("image/jpeg", multipart=True, per_frame=True)),
        (MULTI, True, "multipart/related; type=image/gif", RenderedPlan("image/gif", multipart=True)),
        (MULTI, False, "*/*", RenderedPlan("image/jpeg", multipart=True, per_frame=True)),
        (TEXT, True, "*/*", RenderedPlan("text/html", multipart=False)),
        (TEXT, True, "text/*", RenderedPlan("text/html", multipart=False)),
        (TEXT, True, "application/pdf", RenderedPlan("application/pdf", multipart=False)),
    ],
)
def test_choices(category, alone, accept, expected):
    assert choose_rendered(parse_accept(accept), category, alone=alone) == expected


@pytest.mark.parametrize(
    ("category", "alone", "accept"),
    [
        (SINGLE, True, "text/html"),
        (SINGLE, True, "application/dicom"),
        (SINGLE, False, "image/jpeg"),
        (MULTI, True, "image/jpeg"),
        (MULTI, True, "video/mp4"),
        (TEXT, True, "image/jpeg"),
        (OTHER, True, "*/*"),
        (VIDEO, True, "*/*"),
    ],
)
def test_what_cannot_be_had(category, alone, accept):
    with pytest.raises(NotAcceptable):
        choose_rendered(parse_accept(accept), category, alone=alone)


@pytest.mark.parametrize(
    ("documents", "accept", "expected"),
    [
        (("image/svg+xml", "image/png"), "*/*", RenderedPlan("image/svg+xml", multipart=False)),
        (("image/svg+xml", "image/png"), "image/png, image/jpeg", RenderedPlan("image/png", multipart=False)),
        (("application/pdf", "text/html"), "text/*, */*;q=0.1", RenderedPlan("text/html", multipart=False)),
        (("application/pdf", "text/html"), "*/*", RenderedPlan("application/pdf", multipart=False)),
        (("model/stl",), "multipart/related", RenderedPlan("model/stl", multipart=True)),
        (("model/stl",), "model/obj", None),
        (("image/svg+xml", "image/png"), "image/jpeg, text/html", None),
    ],
)
def test_each_document_has_types_of_its_own(documents, accept, expected):
    if expected is None:
        with pytest.raises(NotAcceptable) as caught:
            choose_rendered(parse_accept(accept), TEXT, alone=True, documents=documents)
        assert set(documents) <= set(caught.value.accepted)
    else:
        assert choose_rendered(parse_accept(accept), TEXT, alone=True, documents=documents) == expected


def test_video_types_are_those_that_are_there():
    plan = choose_rendered(parse_accept("video/*"), MULTI, alone=True, video=("video/mp4",))
    assert plan == RenderedPlan("video/mp4", multipart=False)
    assert choose_rendered(parse_accept("*/*"), VIDEO, alone=True, video=("video/mpeg",)).media_type == "video/mpeg"


@pytest.mark.parametrize("accept", ["application/dicom, image/png", "image/jpeg, application/dicom+json;q=0.1"])
def test_mixtures_are_refused(accept):
    with pytest.raises(BadRequest):
        choose_rendered(parse_accept(accept), SINGLE, alone=True)


def test_a_type_with_q_0_mixes_nothing():
    plan = choose_rendered(parse_accept("application/dicom;q=0, image/png"), SINGLE, alone=True)
    assert plan.media_type == "image/png"


@pytest.mark.parametrize("media_type", ["image/gif", "image/jxl", "video/mp4"])
def test_profiles_need_room(media_type):
    refuse_profile([media_type], None)
    refuse_profile([media_type], "no")
    refuse_profile(["image/jpeg", "image/png", "image/jp2", "image/jph"], "srgb")
    with pytest.raises(BadRequest, match=media_type):
        refuse_profile(["image/jpeg", media_type], "srgb")
