"""Endpoints of the Storage Commitment service (PS3.18 chapter 13)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from starlette.responses import Response

from filmjacket.archive.commitment_records import CommitmentState
from filmjacket.dicom.json_model import encode_attributes
from filmjacket.dicom.xml_model import encode_native
from filmjacket.errors import FilmjacketError
from filmjacket.http.receiving import drain, receive_body
from filmjacket.http.request import base_url_of, context_of, preferences_of, raw_query
from filmjacket.http.responses import TextResponse
from filmjacket.services.commitment.payload import media_type_of, read_data_sets
from filmjacket.services.studies.download import Part, multi_part
from filmjacket.web import negotiate
from filmjacket.web.charset_choice import choose_charset, in_charset, parse_charset_wishes, with_charset
from filmjacket.web.commitment_module import build_response, parse_request
from filmjacket.web.conditional import etag
from filmjacket.web.media_types import DICOM_JSON
from filmjacket.web.targets import parse_uid

if TYPE_CHECKING:
    from starlette.requests import Request

    from filmjacket.archive.commitment_records import Commitment
    from filmjacket.web.charset_choice import Charset
    from filmjacket.web.negotiate import Representation


async def request_commitment(request: Request) -> Response:
    """Request a storage commitment (13.4)."""
    context = context_of(request)
    form = _form(request)
    transaction_uid = _transaction_of(request)
    try:
        media_type = media_type_of(request.headers.get("content-type"))
        body = await receive_body(request, context.settings.limits.metadata_bytes)
    except FilmjacketError:
        await drain(request)
        raise

    def work() -> Commitment:
        asked = parse_request(read_data_sets(media_type, body))
        return context.committer.request(transaction_uid, asked)

    commitment = await context.lanes.disk(work)
    if commitment.state is CommitmentState.PENDING:
        context.wake_committer()
    return await context.lanes.disk(_answer, commitment, form, _url(request, transaction_uid))


async def check_result(request: Request) -> Response:
    """Check the result of a storage commitment (13.5)."""
    context = context_of(request)
    form = _form(request)
    transaction_uid = _transaction_of(request)

    def work() -> Response:
        return _answer(context.committer.result(transaction_uid), form, _url(request, transaction_uid))

    return await context.lanes.db(work)


def _transaction_of(request: Request) -> str:
    return parse_uid(request.path_params["transaction"], "Transaction UID")


def _url(request: Request, transaction_uid: str) -> str:
    return f"{base_url_of(request)}/commitment-requests/{transaction_uid}"


def _form(request: Request) -> tuple[Representation, Charset]:
    """How the answer is to be written, settled before anything is done."""
    preferences = preferences_of(request)
    chosen = negotiate.choose_commitment(preferences)
    named = preferences.charsets_of(chosen.media_type, multipart=chosen.multipart)
    wishes = parse_charset_wishes(raw_query(request), request.headers.get("accept-charset"))
    return chosen, choose_charset(named, wishes, only_utf_8=chosen.media_type == DICOM_JSON)


def _answer(commitment: Commitment, form: tuple[Representation, Charset], url: str) -> Response:
    """200 with the response module, or 202 without a payload while it is being verified (13.4.3)."""
    if commitment.state is CommitmentState.PENDING:
        retry_after = str(max(commitment.retry_after, 1))
        return Response(status_code=202, headers={"Retry-After": retry_after, "Cache-Control": "no-store"})
    chosen, charset = form
    module = build_response(commitment.request, commitment.reasons)
    content_type = chosen.media_type
    if content_type == DICOM_JSON:
        body = encode_attributes(module)
    else:
        body, content_type = in_charset(encode_native(module), charset), with_charset(content_type, charset)
    if chosen.multipart:
        part = Part(content_type, url, len(body), partial(iter, (body,)), etag(commitment.transaction_uid))
        download = multi_part([part], chosen.media_type)
        body, content_type = b"".join(download.chunks), download.content_type
    return TextResponse(body, 200, media_type=content_type)
