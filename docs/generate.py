"""Writes the reference pages and `docs/where-is.md` from the code. `make docs` runs it.

`--check` writes nothing and exits with 1 when a page is not what the code says; a test does the same.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import inspect
import io
import pkgutil
import re
import sys
import tokenize
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import typer.main

import filmjacket
from filmjacket.cli.main import app
from filmjacket.conformance.as_markdown import as_markdown
from filmjacket.conformance.editions import differences_page
from filmjacket.conformance.register import operations
from filmjacket.conformance.search_attributes import REQUIRED_KEYS
from filmjacket.conformance.statement import conformance_statement
from filmjacket.conformance.store_reasons import CONDITIONS
from filmjacket.dicom import dictionary, inflate, inline_rule, limits, transfer_syntaxes
from filmjacket.dicom.levels import Level
from filmjacket.errors import FilmjacketError, NotAcceptable
from filmjacket.http import routes
from filmjacket.index.search_sql import Known, condition_of
from filmjacket.pixels.forms import DECODABLE
from filmjacket.services.studies.store import ACCEPTED_CODINGS, ACCEPTED_PAYLOADS
from filmjacket.settings import Settings, reference_page
from filmjacket.web import negotiate, status
from filmjacket.web.accept import parse_accept
from filmjacket.web.negotiate_bulk import choose_frames
from filmjacket.web.query import parse_search
from filmjacket.web.reach import LOSSLESS, LOSSY, Reach
from filmjacket.web.refs import ResourceRef

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import ModuleType

    import click

DOCS = Path(__file__).parent
ROOT = DOCS.parent
MADE = "<!-- Made by docs/generate.py from the code; change the code, then run `make docs`. -->\n\n"


def makers() -> dict[str, Callable[[], str]]:
    """Every generated page: path below `docs/` and what makes it."""
    return {
        "reference/settings.md": settings_page,
        "reference/command-line.md": command_line_page,
        "reference/routes.md": routes_page,
        "reference/errors.md": errors_page,
        "reference/store-reasons.md": store_reasons_page,
        "reference/search-keys.md": search_keys_page,
        "reference/transfer-syntaxes.md": transfer_syntaxes_page,
        "reference/media-types.md": media_types_page,
        "reference/limits.md": limits_page,
        "reference/editions.md": differences_page,
        "reference/conformance-statement.md": conformance_page,
        "where-is.md": where_is_page,
    }


def made(path: str) -> str:
    """Content of the generated page at a path below `docs/`."""
    return MADE + makers()[path]().rstrip("\n") + "\n"


def pages() -> dict[str, str]:
    """Every generated page: path below `docs/` and content."""
    return {path: made(path) for path in makers()}


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table."""
    head = list(head)
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("\n", " ") for cell in line) + " |" for line in lines) + "\n"


def code(text: str) -> str:
    """Inline code that may stand in a table."""
    return f"`{text}`".replace("|", "\\|") if text else ""


# -- settings ----------------------------------------------------------------------------------------------

SETTINGS_INTRO = """# Settings

A setting can be given in four places. A later one overrules an earlier one:

1. the default,
2. a TOML file: `--config FILE`, else the file named by `FILMJACKET_CONFIG`, else `filmjacket.toml` in the working
   directory,
3. an environment variable,
4. an option of the command line, where there is one.

Names with a dot are keys of a TOML table, and have two underscores in their variable: `log.level` is `level` in the
table `[log]`, and `FILMJACKET_LOG__LEVEL`. Lists are written with commas in variables and as arrays in TOML. Sizes are
bytes or a number with a unit such as `512 MiB`. An unknown key in the file is an error; a misspelt variable is pointed
out.

`filmjacket settings` prints the values in force.

```toml
data = "archive"
port = 8104
trusted_proxies = ["10.0.0.0/8"]

[search]
maximum_results = 1000

[log]
format = "json"
```

## All settings

"""


def settings_page() -> str:
    """Every setting."""
    return SETTINGS_INTRO + reference_page()


# -- command line ------------------------------------------------------------------------------------------

COMMAND_LINE_INTRO = """# Command line

Every command prints its options and an example with `--help`. `filmjacket --version` prints the version.

| exit code | meaning |
| --- | --- |
| 0 | done |
| 1 | done, but with findings (damaged instances) or refused files |
| 2 | the command line or the settings cannot be used |
| 3 | the archive or the port cannot be used now |
| 130 | stopped by Ctrl-C |
"""


def command_line_page() -> str:
    """Every command with its arguments and options."""
    group = typer.main.get_group(app)
    parts = [COMMAND_LINE_INTRO]
    parts += (_command(name, command) for name, command in commands(group, "filmjacket"))
    return "\n".join(parts)


def commands(group: click.Group, above: str) -> Iterator[tuple[str, click.Command]]:
    """Every command with its full name, those of groups after their group."""
    for name, command in sorted(group.commands.items()):
        yield f"{above} {name}", command
        if hasattr(command, "commands"):
            yield from commands(command, f"{above} {name}")


def _command(name: str, command: click.Command) -> str:
    text = inspect.cleandoc(command.help or "")
    rows = [_parameter(parameter) for parameter in command.params if not getattr(parameter, "hidden", False)]
    return f"## {name}\n\n{text}\n\n" + table(("argument or option", "meaning", "default"), rows)


def _parameter(parameter: click.Parameter) -> tuple[str, str, str]:
    is_option = parameter.param_type_name == "option"
    names = ", ".join(f"`{name}`" for name in parameter.opts) if is_option else f"`{parameter.metavar}`"
    shown = getattr(parameter, "show_default", None)
    default = shown if isinstance(shown, str) else "" if parameter.default is None else str(parameter.default)
    default = "" if not is_option or default in {"False", "Sentinel.UNSET"} else default
    return names, getattr(parameter, "help", "") or "", "required" if parameter.required else default


# -- routes ------------------------------------------------------------------------------------------------

HEALTH = {
    "/healthz": "ready: index and blob store answer, else 503 with what does not",
    "/healthz/ready": "the same",
    "/healthz/live": "200 as long as the process turns",
    "/healthz/startup": "200 once the process has started",
    "/metrics": "figures for Prometheus (setting `metrics.enabled`)",
}

ROUTES_INTRO = """# Resources

Paths of the services begin with the setting `base_path`, `/dicom-web` by default. Wherever there is GET there is HEAD.
Another method is answered with 405 and `Allow`. OPTIONS describes a resource and what is below it (PS3.18 8.9). M is
mandatory and O optional by PS3.18, which has no extensions. Sections are those of PS3.18; the name is what the access
log says.

"""


def routes_page() -> str:
    """Every resource with its section."""
    rows = [
        (row.method, code(f"/dicom-web{row.template}"), *_described(row.name), row.section, code(row.name))
        for row in routes.TABLE
    ]
    health = [route.path for route in routes.routes("/dicom-web") if not route.path.startswith("/dicom-web")]
    return (
        ROUTES_INTRO
        + table(("method", "path", "what", "obligation", "section", "name"), rows)
        + "\n## Health and figures\n\n"
        + table(("method", "path", "what"), (("GET", code(path), HEALTH[path]) for path in sorted(health)))
    )


def _described(name: str) -> tuple[str, str]:
    _, resource = operations()[name]
    return resource.summary, str(resource.obligation)


# -- errors ------------------------------------------------------------------------------------------------

ERRORS_INTRO = """# Refusals

A refusal is a document of media type `application/problem+json` (RFC 9457):

```json
{"type": "urn:filmjacket:problem:bad-request", "title": "Bad Request", "status": 400,
 "detail": "StudyDate: is matched by a date or a range of dates.", "offender": "StudyDate",
 "accepted": ["20060705", "20060705-20060707"], "section": "PS3.18 8.3.4.1"}
```

`type` ends in the reason code, which stays the same from version to version. `detail` is for people, `offender` is the
header, parameter or attribute at fault, `accepted` is what would have been taken, `section` says who asks for it. No
member holds patient data. 405 comes with `Allow`, 416 with `Content-Range`, 503 with `Retry-After`.

Some refusals never get to HTTP: what concerns one instance of a store goes into the [Store Instances
Response](store-reasons.md), and the command line prints the message.

"""


def errors_page() -> str:
    """Every reason code."""
    used, problems = _classes_used(), set(_problems())
    sent = {reason for _, reason, _ in problems}
    rows: set[tuple[int, str, str]] = set()
    for kind in error_kinds():
        unused = kind.__name__ not in used and kind.reason_code not in sent
        rows.add((kind.status, kind.reason_code, _first_line(kind) + (" Not sent by this version." if unused else "")))
    known = {(number, reason) for number, reason, _ in rows}
    rows |= {(number, reason, text) for number, reason, text in problems if (number, reason) not in known}
    return ERRORS_INTRO + table(
        ("status", "reason code", "when"),
        ((str(number), code(reason), text) for number, reason, text in sorted(rows)),
    )


def error_kinds() -> list[type[FilmjacketError]]:
    """Every member of the error family, wherever it is declared."""
    for module in pkgutil.walk_packages(filmjacket.__path__, "filmjacket."):
        if "migrations" not in module.name and not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    kinds: list[type[FilmjacketError]] = [FilmjacketError]
    for kind in kinds:
        kinds += kind.__subclasses__()
    return [kind for kind in kinds if "reason_code" in vars(kind)]


def _first_line(kind: type) -> str:
    if kind is FilmjacketError:
        return "The server failed; its log says why."
    text = re.sub(r"^\d{3}: ", "", inspect.cleandoc(kind.__doc__ or "").splitlines()[0])
    return text if text.startswith("`") else text[:1].upper() + text[1:]


def _classes_used() -> set[str]:
    """Names that are called in modules that others import; a parser that nobody uses yet refuses nothing."""
    sources = {path: path.read_text(encoding="utf-8") for path in (ROOT / "src/filmjacket").rglob("*.py")}
    imports = {
        path: "\n".join(re.findall(r"^ *(?:from|import) .*", text, re.MULTILINE)) for path, text in sources.items()
    }
    live = [
        text
        for path, text in sources.items()
        if any(re.search(rf"\b{path.stem}\b", line) for other, line in imports.items() if other != path)
    ]
    return {"FilmjacketError", *(name for text in live for name in re.findall(r"(?<!class )\b([A-Z]\w+)\(", text))}


def _problems() -> Iterator[tuple[int, str, str]]:
    """Reason codes that the HTTP edge gives without an error of the family."""
    for path in sorted((ROOT / "src/filmjacket/http").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "problem":
                number, reason, text = (getattr(argument, "value", None) for argument in node.args[:3])
                if isinstance(number, int) and isinstance(reason, str):
                    yield number, reason, str(text)


# -- store reasons -----------------------------------------------------------------------------------------

STORE_INTRO = """# Store reasons

What became of each instance is said in the Store Instances Response (PS3.18 Annex I). An instance that was stored is
in the Referenced SOP Sequence (0008,1199); with a Warning Reason (0008,1196) if there is something to know. One that
was not is in the Failed SOP Sequence (0008,1198), or in the Other Failures Sequence (0008,119A) if nobody can tell its
UIDs; with a Failure Reason (0008,1197). A Failed Attributes Sequence (0074,1048) with Error Comments (0000,0902) says
it in words.

| status | meaning |
| --- | --- |
| 200 | every instance is stored, none with a warning |
| 202 | some are stored, with failures or warnings |
| 409 | none is stored, and at least one could be identified |
| 400 | none is stored, since nothing in the payload was a readable instance, or the payload itself is broken |
| 413, 415 | the payload is too large, or of another media type |
| 507, 503 | the disk is full, or cannot be used now; nothing of the request is kept |
"""


def store_reasons_page() -> str:
    """Failure and warning reasons of a store."""
    used = _names_used(ROOT / "src/filmjacket/services")
    groups: dict[str, list[tuple[str, str, str, str]]] = {"Failure": [], "Warning": []}
    kind = ""
    for line in inspect.getsource(status).splitlines():
        if line.startswith("# ") and "Reason" in line:
            kind = line.split()[1]
        found = re.match(r"(\w+): Final = 0x(\w{4})", line)
        if found:
            name, number = found.groups()
            meaning = CONDITIONS[name] if name in used else f"{CONDITIONS[name]} (Not sent by this version)"
            groups[kind].append((f"{number.upper()}H", str(int(number, 16)), code(name), meaning))
    return STORE_INTRO + "".join(
        f"\n## {kind} reasons\n\n" + table(("code", "decimal", "name", "when"), rows) for kind, rows in groups.items()
    )


def _names_used(folder: Path) -> set[str]:
    return {
        name
        for path in folder.rglob("*.py")
        for name in re.findall(r"\bstatus\.([A-Z_]+)", path.read_text(encoding="utf-8"))
    }


# -- search keys -------------------------------------------------------------------------------------------

FURTHER_KEYS = ("StudyDescription", "SeriesDescription", "BodyPartExamined", "PatientBirthDate")
SAMPLES = {"DA": "20260101-", "TM": "10-", "UI": "1.2", "IS": "1"}

SEARCH_INTRO = """# Search keys

Any attribute that instances have can be a search key, by keyword or by tag, nested ones by a path with dots. What is
made for an answer or is in the file meta information cannot, but for ModalitiesInStudy, the counters and
AvailableTransferSyntaxUID: RetrieveURL, SOPClassesInStudy, TransferSyntaxUID and the like are refused with 400. The
table has the required keys of PS3.18 Table 10.6.1-5. They are columns of the index, as are the counters such as
NumberOfStudyRelatedInstances. Every other attribute is looked up in the stored attributes of the candidates that
remain: [what that costs](../explanation/search.md#what-is-fast).

A key is matched at its own level and on every resource below. `Modality` on `/studies` means ModalitiesInStudy.

"""


def search_keys_page() -> str:
    """Required search keys, and whether the index has a column for them."""
    rows = [_search_key(level, name) for level, names in REQUIRED_KEYS.items() for name in names]
    others = [_search_key(Level.INSTANCE, name) for name in FURTHER_KEYS]
    head = ("level", "key", "tag", "VR", "index column")
    return SEARCH_INTRO + table(head, rows) + "\n## Some others\n\n" + table(head, others)


def _search_key(level: Level, name: str) -> tuple[str, str, str, str, str]:
    tags = [dictionary.tag_of(part) or "" for part in name.split(".")]
    vr = dictionary.vr_of(tags[-1]) or ""
    query = parse_search(level, ResourceRef(), f"{name}={SAMPLES.get(vr, 'A')}")
    column = "yes" if condition_of(query.keys[0], level, Known()) is not None else "no"
    return str(level), code(name), code(".".join(tags)), vr, column


# -- transfer syntaxes -------------------------------------------------------------------------------------

SYNTAXES_INTRO = """# Transfer syntaxes

What is stored in one of these is accepted, kept byte for byte, and can be had as the table says. "default" is a
request without `transfer-syntax`, which means Explicit VR Little Endian (PS3.18 8.7.3); `*` is one with
`transfer-syntax=*`, as stored. "decoded" is for images whose frames can be told apart and read. Where the table says
406, the answer lists what can be had. "frames" is the media type of frames as stored. "converted to" says how others
are converted to the syntax: without loss, or with loss for those who ask for it by name. Other transfer syntaxes,
private ones too, are refused with reason C122H.

"""

PLANS = {
    negotiate.TransferPlan.AS_STORED: "as stored",
    negotiate.TransferPlan.TO_EXPLICIT_LE: "converted",
    negotiate.TransferPlan.TRANSCODE: "decoded",
}


def transfer_syntaxes_page() -> str:
    """The registry of transfer syntaxes and how instances in them go out."""
    rows: list[tuple[str, ...]] = []
    for syntax in transfer_syntaxes.TRANSFER_SYNTAXES.values():
        answers = [
            PLANS.get(
                negotiate.resolve_instance(
                    negotiate.Representation(negotiate.DICOM, multipart=True, transfer_syntax=wanted),
                    reach_at_best(syntax.uid),
                ),
                "406",
            )
            for wanted in (None, "*")
        ]
        name = syntax.name + (" (retired)" if syntax.retired else "")
        converted = "lossless" if syntax.uid in LOSSLESS else "by name" if syntax.uid in LOSSY else ""
        rows.append((code(syntax.uid), name, *answers, code(frame_type(syntax.uid)), converted))
    return SYNTAXES_INTRO + table(("UID", "name", "default", "`*`", "frames", "converted to"), rows)


def reach_at_best(uid: str) -> Reach:
    """What an instance in a transfer syntax can be had in if its pixels are as they should be."""
    syntax = transfer_syntaxes.TRANSFER_SYNTAXES[uid]
    if uid not in DECODABLE:
        return Reach(uid, syntax.encapsulated)
    return Reach.at_best(uid, encapsulated=syntax.encapsulated)


def frame_type(uid: str) -> str:
    """Media type of the frames of an instance in a transfer syntax; empty where they cannot be had."""
    syntax = transfer_syntaxes.get(uid)
    if syntax is None or syntax.media_type is None:
        return ""
    try:
        reach = Reach(uid, syntax.encapsulated)
        return choose_frames(parse_accept(None), single=False, reach=reach).media_type
    except NotAcceptable:
        return ""


# -- media types -------------------------------------------------------------------------------------------

MEDIA_INTRO = """# Media types

The first row of a resource is what `Accept: */*` and no `Accept` at all get. `transfer-syntax=*` stands for the one
that the request asks for, or that the instance is stored in. How a choice is made:
[negotiation](../explanation/negotiation.md).

`application/json` is understood as `application/dicom+json`. The names `image/x-jls` and `image/x-dicom-rle` of old
editions are understood, too. Rendered media types (`image/png`, `text/html`, ...) can not be had yet.

"""

RESOURCES = (
    ("Study, series", negotiate.INSTANCES, "octet-stream: every bulk value of the resource; never meant by a wildcard"),
    ("Instance", negotiate.ONE_INSTANCE, "the same"),
    ("Metadata of study, series", negotiate.METADATA, ""),
    ("Metadata of an instance", negotiate.METADATA_OF_ONE, ""),
    ("Search results", negotiate.SEARCH, "an empty result is `[]`, whatever was asked for"),
    ("Store Instances Response", negotiate.STORE_RESPONSE, "JSON, too, if none is acceptable, unless `strict_accept`"),
)


def media_types_page() -> str:
    """What each resource can be had in."""
    rows = [
        (name if number == 0 else "", code(str(offer)), note if number == 0 else "")
        for name, offers, note in RESOURCES
        for number, offer in enumerate(offers)
    ]
    as_stored = "as stored, see [transfer syntaxes](transfer-syntaxes.md)"
    frames = [
        ("Frames, native", code(str(negotiate.INSTANCES[1])), "little endian; one frame also alone"),
        ("Frames, compressed", as_stored, "`*/*` takes whatever they are stored in"),
        ("A bulk value", code("application/octet-stream"), "little endian; alone or multipart"),
        ("Compressed pixel data as bulk data", as_stored, "one part a frame"),
    ]
    stored = [("Store", code(payload), "the request's Content-Type") for payload in ACCEPTED_PAYLOADS]
    stored.append(("", ", ".join(map(code, ACCEPTED_CODINGS)), "its Content-Encoding"))
    head = ("resource", "media type", "note")
    return MEDIA_INTRO + table(head, rows + frames) + "\n## Payloads that are taken\n\n" + table(head, stored)


# -- limits ------------------------------------------------------------------------------------------------

LIMITS_INTRO = """# Limits

What a request may cost is bounded. The limits in the first table are settings; those in the second are constants of
the readers, far above what real files need, and each has its reason. A file over one of them fails with Failure Reason
C000H, on the command line with the same words.

"""


def limits_page() -> str:
    """Limits of requests and of the readers."""
    named = [line for line in reference_page().splitlines() if "`limits." in line or "`search." in line]
    head = reference_page().splitlines()[:2]
    rows = [row for module in (limits, inline_rule, inflate) for row in _constants(module)]
    return LIMITS_INTRO + "\n".join([*head, *named]) + "\n\n## Readers\n\n" + table(("constant", "value", "why"), rows)


def _constants(module: ModuleType) -> Iterator[tuple[str, str, str]]:
    """Constants of a module that are explained by a text below them."""
    body = ast.parse(inspect.getsource(module)).body
    for node, following in pairwise(body):
        explained = isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant)
        if isinstance(node, ast.Assign) and explained and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id
            value: int = getattr(module, name)
            yield code(name), f"{value:,}", " ".join(str(following.value.value).split())


# -- conformance statement ---------------------------------------------------------------------------------


def conformance_page() -> str:
    """The DICOM Conformance Statement with default settings."""
    return as_markdown(conformance_statement(Settings(), date="with every release"))


# -- where is ----------------------------------------------------------------------------------------------

WHERE_INTRO = """# Where is a section of the standard?

Made from the citations beside the code: comments, docstrings, sections of refusals. A number without the name of a
part is one of PS3.18. `git grep` finds the line. Tests for a whole section are in the file that is named after it.

"""
PART = r"PS3\.\d+"
NUMBER = r"(?:\d{1,2}|[A-Z])(?:\.[1-9]\d?)+"
MORE = rf"(?:(?:, | and | or | to |; ){NUMBER}(?![\w.]*\w))*"
CITATION = re.compile(
    rf"RFC ?(?P<rfc>\d{{3,4}})(?:,? (?:section )?(?P<rfc_sections>\d+(?:\.\d+)*{MORE}))?"
    rf"|(?P<part>{PART}) (?:chapter (?P<chapter>\d+)|Annex (?P<annex>[A-Z])\b|Table (?P<table>[\w.]+-\d+)"
    rf"|(?P<sections>{NUMBER}{MORE})|(?P<section>\d{{1,2}}|[A-Z])(?!\w))"
    r"|Table (?P<own_table>(?:8|9|1[0-5]|[F-K])(?:\.\d+)+-\d+)"
    r"|(?<![\w.,:/+-])(?P<own>(?:8|9|1[0-5]|[F-J])(?:\.[1-9]\d?)+)(?![\w%]|\.\d| ?(?:ms|MB|s|KB|kB|GB|%))"
)
HOME = re.compile(r"filmjacket/(web|http|services|archive)/|conformance/|unit/(web|http)/|errors\.py|settings/")


@dataclass
class Places:
    """Files that cite a section."""

    source: set[str] = field(default_factory=set)
    tests: set[str] = field(default_factory=set)


def where_is_page() -> str:
    """Sections of the standard with the files that follow them."""
    places = citations()
    parts: dict[str, list[tuple[str, Places]]] = defaultdict(list)
    for (part, section), found in places.items():
        parts[part].append((section, found))
    text = WHERE_INTRO
    for part in sorted(parts, key=_part_order):
        rows = sorted(parts[part], key=lambda row: _section_order(row[0]))
        text += f"## {part}\n\n" + table(
            ("section", "code", "tests"),
            ((section or "as a whole", _files(found.source), _files(found.tests)) for section, found in rows),
        )
        text += "\n"
    return text


def citations() -> dict[tuple[str, str], Places]:
    """Every (part, section) that is cited, with the files that do."""
    places: dict[tuple[str, str], Places] = defaultdict(Places)
    for folder in ("src", "tests"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            if name.startswith("tests/docs/"):
                continue
            for cited in _cited_in(path, own=bool(HOME.search(name))):
                (places[cited].tests if folder == "tests" else places[cited].source).add(name)
    return places


def _cited_in(path: Path, *, own: bool) -> Iterator[tuple[str, str]]:
    named = re.match(r"test_s(\d+(?:_\d+)*)", path.name)
    if named:
        yield "PS3.18", ".".join(str(int(number)) for number in named[1].split("_"))
    is_test = path.name.startswith("test_")
    for text in _prose(path):
        if is_test and re.fullmatch(r"[\d.]+", text):
            continue  # an address or a UID rather than a section
        for found in CITATION.finditer(text):
            yield from _sections(found, own=own)


def _sections(found: re.Match[str], *, own: bool) -> Iterator[tuple[str, str]]:
    if found["rfc"]:
        part, listed, single = f"RFC {found['rfc']}", found["rfc_sections"], ""
    elif found["part"]:
        part, listed = found["part"], found["sections"]
        single = found["section"] or found["chapter"] or found["annex"] or f"Table {found['table']}"
    else:
        part, listed, single = "PS3.18", "", found["own"] or f"Table {found['own_table']}"
        if not own:
            return
    for section in re.findall(r"[\w.]*\w", re.sub(r" (?:and|or|to) ", " ", listed)) if listed else (single,):
        yield part, section


def _prose(path: Path) -> Iterator[str]:
    """Comments and texts of a file; a comment of several lines is one text."""
    block: list[str] = []
    for token in tokenize.generate_tokens(io.StringIO(path.read_text(encoding="utf-8")).readline):
        if token.type == tokenize.COMMENT:
            block.append(token.string.lstrip("# "))
        elif token.type == tokenize.STRING:
            yield " ".join(token.string.strip("rbf\"'").split())
        elif token.type not in {tokenize.NL, tokenize.NEWLINE} and block:
            yield " ".join(block)
            block = []
    if block:
        yield " ".join(block)


def _files(names: set[str]) -> str:
    return "<br>".join(f"`{name.removeprefix('src/filmjacket/').removeprefix('tests/')}`" for name in sorted(names))


def _part_order(part: str) -> tuple[int, int]:
    first = 0 if part == "PS3.18" else 1 if part.startswith("PS3") else 2
    return first, int(re.findall(r"\d+", part)[-1])


def _section_order(section: str) -> tuple[int, list[tuple[int, int | str]]]:
    pieces = re.findall(r"\d+|[A-Z]\b", section.removeprefix("Table "))
    return int(section.startswith("Table ")), [(0, int(piece)) if piece.isdigit() else (1, piece) for piece in pieces]


# -- command -----------------------------------------------------------------------------------------------


def stale() -> list[str]:
    """Pages that are not what the code says."""
    return [path for path, content in pages().items() if _read(DOCS / path) != content]


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


def main() -> None:
    """Write or check."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, exit with 1 if a page is stale")
    if parser.parse_args().check:
        old = stale()
        sys.exit(f"not current: {', '.join(old)}; run make docs" if old else 0)
    for path, content in pages().items():
        target = DOCS / path
        if _read(target) != content:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(content, encoding="utf-8")
            sys.stdout.write(f"docs/{path}\n")


if __name__ == "__main__":
    main()
