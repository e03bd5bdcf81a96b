"""The resources as an OpenAPI 3.1 document, made from the register."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from filmjacket.conformance.capabilities import keys_of
from filmjacket.conformance.declarations import Obligation
from filmjacket.conformance.parameters import ATTRIBUTE, PATH_VARIABLES
from filmjacket.conformance.register import EVERYWHERE, REGISTER, offered
from filmjacket.conformance.representations import PROBLEMS
from filmjacket.dicom import dictionary
from filmjacket.web.media_types import DICOM_JSON, JSON, MULTIPART_RELATED

if TYPE_CHECKING:
    from collections.abc import Callable

    from filmjacket.conformance.declarations import Parameter, Resource, Selection, Status, Transaction

    Document = dict[str, object]

DESCRIPTION: Final = (
    "DICOMweb (PS3.18). Wherever there is GET there is HEAD. OPTIONS on any resource is Retrieve Capabilities (8.9)."
)
PROBLEM: Final[Document] = {
    "type": "object",
    "description": "A refusal that teaches (RFC 9457).",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "examples": ["urn:filmjacket:problem:bad-request"]},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string", "description": "Names the request in the log of the server."},
        "offender": {"type": "string", "description": "Header, parameter or attribute at fault."},
        "accepted": {"type": "array", "items": {"type": "string"}},
        "section": {"type": "string", "examples": ["PS3.18 8.3.4"]},
    },
}
DATA_SET: Final[Document] = {
    "type": "object",
    "description": "A data set in the DICOM JSON model (PS3.18 Annex F).",
    "patternProperties": {"^[0-9A-F]{8}$": {"type": "object", "required": ["vr"]}},
    "additionalProperties": False,
}
_UIDS: Final = {row.name: row.example for row in PATH_VARIABLES.values()}
_TYPES: Final[dict[str, Callable[[str], object]]] = {"integer": int, "number": float}
EXAMPLES: Final = {"DA": "20260101-20261231", "TM": "080000-120000", "UI": "1.2.840.10008.1.1", "IS": "1"}


def openapi_document(base_url: str, selection: Selection, version: str) -> Document:
    """The document for a server that is reached under `base_url`."""
    paths: dict[str, Document] = {}
    for transaction, resource in offered(selection):
        item = paths.setdefault(resource.template, {})
        variables = [_path_variable(name) for name in resource.variables]
        if variables:
            item["parameters"] = variables
        item[resource.method.lower()] = _operation(transaction, resource, selection)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Filmjacket", "version": version, "description": DESCRIPTION},
        "servers": [{"url": base_url}],
        "tags": [
            {"name": transaction.name, "description": f"{transaction.summary} PS3.18 {transaction.section}."}
            for service in REGISTER
            for transaction in service.transactions
        ],
        "paths": paths,
        "components": {"schemas": {"Problem": PROBLEM, "DataSet": DATA_SET}},
    }


def _path_variable(name: str) -> Document:
    row = PATH_VARIABLES[name]
    schema = dict(row.schema)
    return {
        "name": name, "in": "path", "required": True, "description": row.text, "schema": schema, "example": row.example
    }  # fmt: skip


def _operation(transaction: Transaction, resource: Resource, selection: Selection) -> Document:
    extension = resource.obligation is Obligation.EXTENSION
    operation: Document = {
        "operationId": resource.name,
        "tags": [transaction.name],
        "summary": resource.summary,
        "description": f"PS3.18 {transaction.section}, {resource.obligation.words}.",
        "parameters": [*_query_parameters(resource), *_header_parameters(transaction)],
        "responses": _responses(transaction, resource, selection),
    }
    if extension:
        operation["x-extension"] = True
    if transaction.payloads:
        content = {row.media_type: _binary() for row in transaction.payloads}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _binary() -> Document:
    return {"schema": {"type": "string", "format": "binary"}}


def _query_parameters(resource: Resource) -> list[Document]:
    found: list[Document] = []
    for row in resource.parameters:
        names = keys_of(resource) if row is ATTRIBUTE else (row.name,)
        found += [_query_parameter(name, row) for name in names]
    return found


def _query_parameter(name: str, row: Parameter) -> Document:
    text = " ".join(filter(None, (row.values + ".", row.comment, f"PS3.18 {row.section}.")))
    made: Document = {"name": name, "in": "query", "description": text, "schema": dict(row.schema)}
    examples = row.examples
    if row is ATTRIBUTE:
        tag = dictionary.tag_of(name.rpartition(".")[2]) or ""
        examples = (EXAMPLES.get(dictionary.vr_of(tag) or "", "A"),)
    if examples:
        # Of an example with another parameter that belongs to it only the first value is this parameter's.
        made["example"] = _TYPES.get(str(row.schema["type"]), str)(examples[0].partition("&")[0].format(**_UIDS))
    if row.repeatable:
        made |= {"schema": {"type": "array", "items": dict(row.schema)}, "example": [examples[0]]}
        made |= {"style": "form", "explode": True}
    return made


def _header_parameters(transaction: Transaction) -> list[Document]:
    """OpenAPI has Accept and Content-Type in the media types of payloads."""
    return [
        {"name": row.name, "in": "header", "description": f"{row.values}. {row.comment}".strip(),
         "schema": {"type": "string"}}
        for row in transaction.request_headers
        if row.name not in {"Accept", "Content-Type"}
    ]  # fmt: skip


def _responses(transaction: Transaction, resource: Resource, selection: Selection) -> Document:
    responses: Document = {}
    for row in (*transaction.statuses_of(resource, selection.edition), *EVERYWHERE):
        responses[str(row.code)] = _response(row, transaction, resource)
    return dict(sorted(responses.items()))


def _response(row: Status, transaction: Transaction, resource: Resource) -> Document:
    made: Document = {"description": row.condition}
    content = _content(row.code, resource)
    if content:
        made["content"] = content
    if row.code < 300:
        made["headers"] = {
            header.name: {"description": header.values, "schema": {"type": "string"}}
            for header in transaction.response_headers
            if header.name != "Content-Type"
        }
    return made


def _content(code: int, resource: Resource) -> Document:
    content: Document = {}
    if code < 300 or (resource.method == "POST" and code in {400, 409}):
        for offer in resource.offers:
            # Parameters such as `boundary` differ from answer to answer: the type alone is declared.
            media_type = MULTIPART_RELATED if offer.multipart else offer.media_type
            content.setdefault(media_type, _media(media_type, resource))
    if code >= 400:
        content |= {media_type: {"schema": {"$ref": "#/components/schemas/Problem"}} for media_type in PROBLEMS}
    return {} if code in {204, 304} else content


def _media(media_type: str, resource: Resource) -> Document:
    if media_type == DICOM_JSON:
        data_set: Document = {"$ref": "#/components/schemas/DataSet"}
        return {"schema": data_set if resource.method == "POST" else {"type": "array", "items": data_set}}
    return {"schema": {"type": "object"}} if media_type == JSON else _binary()
