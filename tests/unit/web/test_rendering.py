"""Rendering parameters (PS3.18 8.3.5.1)."""

from __future__ import annotations

import pytest

from filmjacket.errors import BadRequest
from filmjacket.web.rendering import PLAIN, RenderRequest, Viewport, Window, parse_rendering


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (b"", PLAIN),
        (b"foo=bar&Window=1", PLAIN),
        (b"window=40,400,linear", RenderRequest(window=Window(40, 400, "LINEAR"))),
        (b"window=40%2C400%2Clinear", RenderRequest(window=Window(40, 400, "LINEAR"))),
        (b"window=-0.5,.5,linear-exact", RenderRequest(window=Window(-0.5, 0.5, "LINEAR_EXACT"))),
        (b"window=+1e2,1,sigmoid", RenderRequest(window=Window(100, 1, "SIGMOID"))),
        (b"quality=1", RenderRequest(quality=1)),
        (b"quality=100", RenderRequest(quality=100)),
        (b"viewport=512,256", RenderRequest(viewport=Viewport(512, 256))),
        (b"viewport=10,10,1", RenderRequest(viewport=Viewport(10, 10, x=1))),
        (b"viewport=10,10,-1,-2.5,-3,4", RenderRequest(viewport=Viewport(10, 10, 1, 2.5, 3, 4, flip_x=True))),
        (b"viewport=10,10,,,3,-4", RenderRequest(viewport=Viewport(10, 10, 0, 0, 3, 4, flip_y=True))),
        (b"viewport=10,10,,,,-4", RenderRequest(viewport=Viewport(10, 10, h=4, flip_y=True))),
        (b"annotation=patient", RenderRequest(annotation=("patient",))),
        (b"annotation=technique,patient,patient", RenderRequest(annotation=("patient", "technique"))),
        (b"annotation=foo,patient", RenderRequest(annotation=("patient",), unsupported_annotation=("foo",))),
        (b"annotation=Patient", RenderRequest(unsupported_annotation=("Patient",))),
        (b"iccprofile=rommrgb", RenderRequest(icc="rommrgb")),
    ],
)
def test_what_parameters_mean(query, expected):
    assert parse_rendering(query) == expected


@pytest.mark.parametrize(
    "query",
    [
        *(b"window=" + value for value in (b"", b"40", b"40,400", b"40,400,", b"40,400,LINEAR", b"40,400,linear,1",
                                           b"a,400,linear", b"40,0,sigmoid", b"40,-1,linear-exact", b"40,0.5,linear",
                                           b"40,nan,linear", b"1e999,1,linear", b"40, 400,linear", b",400,linear",
                                           b"40,400,linear_exact", b"\xff,1,linear", b"40,inf,sigmoid")),
        b"window",
        *(b"quality=" + value for value in (b"", b"0", b"101", b"-1", b"+5", b"50.0", b"x", b"50,60", b"9" * 5000)),
        *(b"viewport=" + value for value in (b"", b"100", b"100,", b"100,100,", b"100,100,0,0,", b"0,100", b"100,0",
                                             b"-1,100", b"1.5,100", b"a,b", b"100,100,a", b"100,100,,,0,1",
                                             b"100,100,0,0,1,1,1", b"9000,1", b"8000,8000", b",100", b"1e2,100")),
        *(b"annotation=" + value for value in (b"", b",", b"patient,", b"1", b"a b", b"pa;tient", b"%C3%A4")),
        b"annotation",
        *(b"iccprofile=" + value for value in (b"", b"sRGB", b"yes,no", b"maybe")),
        b"quality=50&quality=50",
    ],
)  # fmt: skip
def test_what_is_refused(query):
    with pytest.raises(BadRequest) as refusal:
        parse_rendering(query)
    assert refusal.value.section.startswith("8.3.5")
    assert refusal.value.offender in {"window", "quality", "viewport", "annotation", "iccprofile"}


@pytest.mark.parametrize(
    ("value", "named"),
    [
        (b"20,20", False),
        (b"20,20,0", True),
        (b"20,20,0,0", True),
        (b"20,20,,0", True),
        (b"20%2C20%2C0", True),
        (b"20,20,0,0,1,1", True),
    ],
)
def test_a_region_is_named_even_if_it_is_the_whole_image(value, named):
    request = parse_rendering(b"viewport=" + value)
    assert request.viewport is not None
    assert request.viewport.has_region == named
    if value.startswith(b"20,20") and b"1" not in value:
        assert request.key == parse_rendering(b"viewport=20,20").key


def test_requests_of_other_pictures_have_other_keys():
    queries = [
        b"", b"window=1,2,linear", b"window=1,2,sigmoid", b"viewport=2,2", b"viewport=2,2,0,0,-1", b"quality=5",
        b"annotation=patient", b"annotation=technique", b"iccprofile=no", b"iccprofile=srgb",
    ]  # fmt: skip
    assert len({parse_rendering(query).key for query in queries}) == len(queries)
    assert parse_rendering(b"annotation=foo").key == PLAIN.key
