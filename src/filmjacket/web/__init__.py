"""The protocol of PS3.18 chapter 8 and the request grammars, sans-IO: bytes in, values out, and back.

Media types, content negotiation, resource targets, multipart payloads, ranges, conditional requests, status
and warning texts, the Store Instances Response, search queries (QIDO-RS, WADO-RS and STOW-RS share all of
them). Nothing here does I/O, reads a clock, or imports a web framework.
"""
