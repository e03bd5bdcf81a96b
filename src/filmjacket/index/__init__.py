"""The searchable index on SQL: the only package that speaks it."""

from __future__ import annotations

from filmjacket.index.connections import DatabaseOptions
from filmjacket.index.sql_index import SqlIndex, open_database, open_index

__all__ = ["DatabaseOptions", "SqlIndex", "open_database", "open_index"]
