"""What every table is made of: the metadata they belong to, and columns that mean the same on every database."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, LargeBinary, MetaData, Text

# Code point order everywhere: SQLite's own, and what collation "C" means on PostgreSQL.
TEXT = Text().with_variant(Text(collation="C"), "postgresql")

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)


def text_column(name: str) -> Column[str]:
    """Return a column of text in code point order; absent is `""`."""
    return Column(name, TEXT, nullable=False)


def integer_column(name: str) -> Column[int]:
    """Return a column of 64-bit integers; as a key too it is given, never counted by the database."""
    return Column(name, BigInteger, nullable=False, autoincrement=False)


def bytes_column(name: str) -> Column[bytes]:
    """Return a column of bytes that no SQL looks into."""
    return Column(name, LargeBinary, nullable=False)


def plain_index(name: str, *columns: Column[str] | Column[int] | Column[bytes], present: bool = False) -> None:
    """Declare an index; with `present`, one of the rows only that have a text in the first column."""
    if present:
        condition = columns[0] != ""
        Index(name, *columns, sqlite_where=condition, postgresql_where=condition)
    else:
        Index(name, *columns)
