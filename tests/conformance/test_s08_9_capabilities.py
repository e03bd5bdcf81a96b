"""PS3.18 8.9, Annexes G and H: Retrieve Capabilities as WADL and JSON, told apart from CORS preflight."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from starlette.testclient import TestClient

from filmjacket.app import create_app
from filmjacket.conformance.parameters import PATH_VARIABLES
from filmjacket.http.routes import TABLE
from filmjacket.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BASE = "/dicom-web"
URL = f"http://testserver:8104{BASE}"
WADL = "application/vnd.sun.wadl+xml"
NS = "{http://wadl.dev.java.net/2009/02}"
UIDS = {name: row.example for name, row in PATH_VARIABLES.items()}
WADL_NAMES = {
    "study": "StudyInstance",
    "series": "SeriesInstance",
    "instance": "SOPInstance",
    "frames": "framelist",
    "path": "BulkDataReference",
    "performed": "ModalityPerformedProcedureStep",
    "step": "ScheduledProcedureStepID",
    "workitem": "Workitem",
    "aetitle": "AETitle",
    "requester": "Requester",
    "uid": "NonPatientInstance",
    "transaction": "transactionUID",
}
TEMPLATES = sorted({row.template for row in TABLE})

# WADL 20090831, section 2: what an element may hold, in this order, and which attributes it has.
CHILDREN = {
    "application": ("doc", "resources"),
    "resources": ("doc", "resource"),
    "resource": ("doc", "param", "method", "resource"),
    "method": ("doc", "request", "response"),
    "request": ("doc", "param", "representation"),
    "response": ("doc", "param", "representation"),
    "representation": ("doc", "param"),
    "param": ("doc", "option"),
    "option": ("doc",),
    "doc": (),
}
ATTRIBUTES = {
    "application": set(),
    "resources": {"base"},
    "resource": {"path"},
    "method": {"name", "id"},
    "request": set(),
    "response": {"status"},
    "representation": {"mediaType"},
    "param": {"name", "style", "type", "required", "default", "repeating"},
    "option": {"value"},
    "doc": {"title", "{http://www.w3.org/XML/1998/namespace}lang"},
}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    settings = Settings(data=tmp_path_factory.mktemp("capabilities") / "archive", deletion={"enabled": True})
    with TestClient(create_app(settings), base_url="http://testserver:8104") as client:
        client.headers["Accept"] = "*/*"
        yield client


def wadl(response) -> ET.Element:
    assert response.status_code == 200
    assert response.headers["content-type"] == WADL
    assert int(response.headers["content-length"]) == len(response.content)
    return ET.fromstring(response.content)


def methods(resource: ET.Element, path: str = "") -> Iterator[tuple[str, str]]:
    """(method, path) of everything below an element."""
    here = path
    if resource.tag == f"{NS}resource":
        here = f"{path}/{resource.get('path')}" if resource.get("path") != "/" else "/"
    for child in resource:
        if child.tag == f"{NS}method":
            yield child.get("name") or "", here
        elif child.tag in {f"{NS}resource", f"{NS}resources"}:
            yield from methods(child, here)


def in_annex_h(template: str) -> str:
    for name, other in WADL_NAMES.items():
        template = template.replace(f"{{{name}}}", f"{{{other}}}")
    return template


@pytest.mark.parametrize("path", [BASE, f"{BASE}/"])
def test_wadl_is_the_default_and_describes_every_resource(client: TestClient, path: str) -> None:
    root = wadl(client.options(path))
    assert root.tag == f"{NS}application"
    (resources,) = root.findall(f"{NS}resources")
    assert resources.get("base") == f"{URL}/"
    assert set(methods(root)) == {(row.method, in_annex_h(row.template)) for row in TABLE}


def test_wadl_is_what_the_specification_of_wadl_allows(client: TestClient) -> None:
    seen: set[str] = set()

    def check(element: ET.Element) -> None:
        name = element.tag.removeprefix(NS)
        seen.add(name)
        assert set(element.attrib) <= ATTRIBUTES[name]
        order = [CHILDREN[name].index(child.tag.removeprefix(NS)) for child in element]
        assert order == sorted(order), name
        for child in element:
            check(child)

    root = wadl(client.options(f"{BASE}/"))
    check(root)
    assert seen == set(CHILDREN)
    identifiers = [element.get("id") for element in root.iter(f"{NS}method")]
    assert len(identifiers) == len(set(identifiers))
    assert {element.get("style") for element in root.iter(f"{NS}param")} == {"header", "query", "template"}


def test_path_variables_are_declared_and_those_of_annex_h(client: TestClient) -> None:
    def check(element: ET.Element, known: set[str]) -> None:
        known = known | {row.get("name") or "" for row in element.findall(f"{NS}param")}
        for part in (element.get("path") or "").split("/"):
            assert not part.startswith("{") or part[1:-1] in known
        for child in element.findall(f"{NS}resource"):
            check(child, known)

    for template in TEMPLATES:
        check(wadl(client.options(BASE + template.format(**UIDS))).find(f"{NS}resources/{NS}resource"), set())


def test_searches_list_their_keys_by_keyword_and_by_tag(client: TestClient) -> None:
    """Example B.26."""
    root = wadl(client.options(f"{BASE}/studies"))
    search = next(method for method in root.iter(f"{NS}method") if method.get("id") == "SearchStudies")
    names = {row.get("name") for row in search.iter(f"{NS}param") if row.get("style") == "query"}
    assert {
        "PatientID",
        "00100020",
        "StudyDate",
        "00080020",
        "limit",
        "offset",
        "includefield",
        "fuzzymatching",
    } <= names


@pytest.mark.parametrize(
    ("path", "there", "elsewhere"),
    [
        (
            "/workitems",
            {"ProcedureStepState", "00741000", "WorklistLabel", "ScheduledProcedureStepStartDateTime", "SOPInstanceUID",
             "ScheduledStationNameCodeSequence.CodeValue", "ReferencedRequestSequence.AccessionNumber"},
            {"StudyDate", "ModalitiesInStudy", "InstanceNumber", "TransactionUID"},
        ),
        ("/color-palettes", {"ContentLabel", "00700080", "SOPClassUID"}, {"StudyDate", "HangingProtocolName"}),
        ("/hanging-protocols", {"HangingProtocolName", "SOPInstanceUID"}, {"StudyDate", "ContentLabel"}),
        ("/implant-templates", {"ImplantName", "Manufacturer"}, {"StudyDate"}),
    ],
)  # fmt: skip
def test_other_searches_list_keys_of_their_own(
    client: TestClient, path: str, there: set[str], elsewhere: set[str]
) -> None:
    methods = wadl(client.options(BASE + path)).iter(f"{NS}method")
    search = next(method for method in methods if (method.get("id") or "").startswith("Search"))
    names = {row.get("name") or "" for row in search.iter(f"{NS}param") if row.get("style") == "query"}
    assert there <= names
    assert not elsewhere & names
    keys = [name for name in names if name[:1].isupper()]
    for key in keys:
        assert client.get(BASE + path, params={key: ""}, headers={"Accept": "*/*"}).status_code == 200, key


def test_what_has_no_payload_announces_none(client: TestClient) -> None:
    methods = {method.get("id"): method for method in wadl(client.options(f"{BASE}/")).iter(f"{NS}method")}
    for name, statuses in {
        "RemoveScheduledStep": {"204", "400", "404", "412", "503"},
        "SuspendWorkitem": {"400", "404", "503"},
    }.items():
        answers = {row.get("status") for row in methods[name].iter(f"{NS}response")}
        assert methods[name].findall(f"{NS}request/{NS}representation") == []
        assert answers == statuses | (answers & {"431", "500"})
    put = methods["PutScheduledStep"].findall(f"{NS}request/{NS}representation")
    assert "text/csv" not in {row.get("mediaType") for row in put}


def test_json_is_the_same_document_by_annex_g(client: TestClient) -> None:
    """Attributes are members with an at sign; repeatable elements are arrays; `doc` has a value."""
    response = client.options(f"{BASE}/", headers={"Accept": "application/json"})
    assert response.headers["content-type"] == "application/json"
    root = wadl(client.options(f"{BASE}/"))
    assert response.json() == {"application": as_annex_g(root)}
    doc = response.json()["application"]["doc"][0]
    assert set(doc) == {"@xml:lang", "@title", "value"}


def as_annex_g(element: ET.Element) -> dict[str, object]:
    """The rules of Annex G applied to the WADL by hand."""
    lang = "{http://www.w3.org/XML/1998/namespace}lang"
    made: dict[str, object] = {f"@{'xml:lang' if key == lang else key}": value for key, value in element.items()}
    if element.tag == f"{NS}doc":
        return made | {"value": element.text}
    for child in element:
        name = child.tag.removeprefix(NS)
        if name in {"application", "resources", "request"}:
            assert name not in made
            made[name] = as_annex_g(child)
        else:
            made.setdefault(name, []).append(as_annex_g(child))
    return made


@pytest.mark.parametrize("template", TEMPLATES)
def test_options_on_a_resource_describes_it_and_what_is_below(client: TestClient, template: str) -> None:
    """Example B.15."""
    response = client.options(BASE + template.format(**UIDS))
    found = set(methods(wadl(response)))
    path = in_annex_h(template)
    below = {(row.method, in_annex_h(row.template)) for row in TABLE}
    wanted = {row for row in below if row[1] == path or row[1].startswith(f"{path.rstrip('/')}/")}
    assert found == wanted
    here = {method for method, where in wanted if where == path}
    assert set(response.headers["allow"].split(", ")) == here | {"OPTIONS"} | ({"HEAD"} if "GET" in here else set())


def test_what_a_setting_switches_off_is_not_described(make_client: Callable[..., TestClient]) -> None:
    response = make_client(deletion={"enabled": False}).options(f"{BASE}/studies/1.2.3")
    assert "DELETE" not in {method for method, _ in methods(wadl(response))}
    assert "DELETE" not in response.headers["allow"]


@pytest.mark.parametrize(("edition", "codes"), [("2024", {"200", "204"}), ("2026", {"200"})])
def test_statuses_are_those_of_the_edition(
    make_client: Callable[..., TestClient], edition: str, codes: set[str]
) -> None:
    root = wadl(make_client(edition=edition).options(f"{BASE}/studies"))
    search = next(method for method in root.iter(f"{NS}method") if method.get("id") == "SearchStudies")
    statuses = {row.get("status") or "" for row in search.findall(f"{NS}response")}
    assert {status for status in statuses if status.startswith("2")} == codes


@pytest.mark.parametrize("accept", [WADL, "application/json", "*/*", "application/*"])
def test_if_none_match(client: TestClient, accept: str) -> None:
    first = client.options(f"{BASE}/", headers={"Accept": accept})
    again = client.options(f"{BASE}/", headers={"Accept": accept, "If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    other = client.options(f"{BASE}/", headers={"Accept": accept, "If-None-Match": '"other"'})
    assert other.status_code == 200
    assert "Accept" in first.headers["vary"]


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        (f"{WADL}, application/json;q=0.5", WADL),
        (f"{WADL};q=0.5, application/json", "application/json"),
        ("text/html,application/xml;q=0.9,*/*;q=0.8", WADL),
        ("application/json, */*;q=0.1", "application/json"),
    ],
)
def test_accept_decides(client: TestClient, accept: str, media_type: str) -> None:
    assert client.options(f"{BASE}/", headers={"Accept": accept}).headers["content-type"] == media_type


def test_what_is_neither_is_406_and_lists_both(client: TestClient) -> None:
    response = client.options(f"{BASE}/", headers={"Accept": "image/png"})
    assert response.status_code == 406
    assert response.json()["accepted"] == [WADL, "application/json"]


def test_a_missing_accept_header_is_406_only_when_strict(make_client: Callable[..., TestClient]) -> None:
    for strict, status in ((False, 200), (True, 406)):
        client = make_client(strict_accept=strict)
        del client.headers["Accept"]
        request = client.build_request("OPTIONS", f"{BASE}/")
        request.headers.pop("accept", None)
        assert client.send(request).status_code == status


def test_bad_accept_parameter_is_400(client: TestClient) -> None:
    assert client.options(f"{BASE}/?accept=*/*").status_code == 400
    assert client.options(f"{BASE}/?accept=application/json").headers["content-type"] == "application/json"


def test_a_preflight_is_no_request_for_capabilities(make_client: Callable[..., TestClient]) -> None:
    client = make_client(cors_origins=("https://viewer.example.org",))
    origin = {"Origin": "https://viewer.example.org"}
    preflight = client.options(f"{BASE}/studies", headers=origin | {"Access-Control-Request-Method": "GET"})
    assert "access-control-allow-methods" in preflight.headers
    assert b"wadl" not in preflight.content
    described = client.options(f"{BASE}/studies", headers=origin)
    assert wadl(described) is not None
    assert described.headers["access-control-allow-origin"] == "https://viewer.example.org"


def test_unknown_paths_have_no_capabilities(client: TestClient) -> None:
    assert client.options(f"{BASE}/patients").status_code == 404
    assert client.options(f"{BASE}/studies/").status_code == 404


# The base URL for people ---------------------------------------------------------------------------------------


def test_a_browser_gets_a_page_that_loads_nothing(client: TestClient) -> None:
    accept = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
    response = client.get(f"{BASE}/", headers={"Accept": accept})
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    page = response.text
    assert f'href="{URL}/openapi.json"' in page
    assert 'href="http://testserver:8104/healthz"' in page
    for reference in ("src=", "@import", "<script", "<link"):
        assert reference not in page


def test_a_program_gets_links_that_lead_somewhere(client: TestClient) -> None:
    for path in (BASE, f"{BASE}/"):
        links = client.get(path).json()["links"]
        for target in links.values():
            assert client.get(target).status_code == 200


def test_the_uri_service_has_the_base_uri_too(client: TestClient) -> None:
    response = client.get(f"{BASE}?requestType=WADO&studyUID=1.2&seriesUID=1.3")
    assert response.status_code == 400
    assert response.json()["offender"] == "objectUID"


def test_at_the_root_path_too(make_client: Callable[..., TestClient]) -> None:
    client = make_client(base_path="")
    assert wadl(client.options("/")).find(f"{NS}resources").get("base") == "http://testserver:8104/"
    assert client.get("/").json()["links"]["studies"] == "http://testserver:8104/studies"
