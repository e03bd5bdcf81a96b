"""Uvicorn's HTTP/1.1 with a bound on header sections, which it has none of, and with refusals that explain."""

from __future__ import annotations

from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from filmjacket.web.problem_document import PROBLEM_JSON, Problem, write_problem

MOST_HEADER_BYTES: Final = 1 << 20
"""Where the connection ends. Header sections up to this size reach the application, which has a bound to explain."""


class BoundedProtocol(HttpToolsProtocol):
    """One connection."""

    _header_bytes = 0
    _in_header = True

    def data_received(self, data: bytes) -> None:
        """Bytes arrived; those of an unfinished header section are counted."""
        super().data_received(data)
        if not self._in_header or self.transport.is_closing():
            return
        self._header_bytes += len(data)
        if self._header_bytes > MOST_HEADER_BYTES:
            message = f"The header section is larger than {MOST_HEADER_BYTES} bytes."
            self._refuse(Problem(431, "header-too-large", message, "RFC 6585 5", "header section"))

    def on_message_begin(self) -> None:
        """A request begins."""
        self._in_header, self._header_bytes = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Its header section has ended."""
        self._in_header = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """It has ended; what follows is the next one's header section."""
        self._in_header, self._header_bytes = True, 0
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is not HTTP/1.1."""
        self._refuse(Problem(400, "bad-request", msg, "RFC 9112 3", "request"))

    def _refuse(self, problem: Problem) -> None:
        body = write_problem(problem, PROBLEM_JSON)
        head = (
            f"HTTP/1.1 {problem.status} {problem.title}\r\ncontent-type: {PROBLEM_JSON}\r\n"
            f"content-length: {len(body)}\r\ncache-control: no-store\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode("ascii") + body)
        self.transport.close()
