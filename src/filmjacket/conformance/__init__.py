"""The conformance register: what this server does, declared once (decision 10).

Retrieve Capabilities, OpenAPI, the DICOM Conformance Statement and the reference pages are made from it, and tests
ask a running server for every row. Only values: no Starlette, no SQL. `register` is where to begin; the tables that
negotiation and search work with are taken from `filmjacket.web`, not repeated.
"""
