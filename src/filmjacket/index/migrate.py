"""Bringing the tables up to date. Alembic is imported only when there is something to do.

Workers of different versions share one database while they are replaced one by one. A migration changes nothing
that older workers use (it adds tables and indexes, and columns that may be absent), or it notes in
`schema_compatibility` the oldest revision whose workers can go on. A worker that finds a newer revision than its own
works on if it is not older than that, and changes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from filmjacket.errors import FilmjacketError
from filmjacket.index.schema import HEAD_REVISION, schema_compatibility

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from filmjacket.index.engine import Database

# A change of a table waits for whoever reads it, and everybody else waits behind it: rather again, a little later.
_PATIENCE = text("SET LOCAL lock_timeout = '3s'")
_NO_HURRY = text("SET LOCAL statement_timeout = 0")
_NOTEBOOK = text(
    "CREATE TABLE IF NOT EXISTS alembic_version "
    "(version_num VARCHAR(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
)
# Keeps out others that migrate, and nobody who reads; it ends with the transaction.
_ALONE = text("LOCK TABLE alembic_version IN SHARE ROW EXCLUSIVE MODE")


def upgrade(database: Database) -> None:
    """Run the migrations that the database lacks, in one transaction that keeps other processes out."""
    with database.reading() as connection:
        if _is_good(connection):
            return
    database.write(_upgrade)


def revision_of(connection: Connection) -> str | None:
    """Return the revision of a database, None when it has no tables yet."""
    return _first(connection, "SELECT version_num FROM alembic_version")


def _is_good(connection: Connection) -> bool:
    """Whether this version can work with the tables as they are; raises when they are too new for it."""
    revision = revision_of(connection)
    if revision is None or revision < HEAD_REVISION:
        return False
    if revision == HEAD_REVISION:
        return True
    oldest = connection.execute(select(schema_compatibility.c.oldest_revision)).scalar()
    if oldest is None or oldest > HEAD_REVISION:
        raise FilmjacketError(
            f"The index was migrated to revision {revision} by a newer version of Filmjacket, which only workers of "
            f"revision {oldest or revision} and newer understand; this one is of revision {HEAD_REVISION}. "
            "Install the newer version, or restore the backup that was made before.",
            offender="database",
        )
    return True


def _first(connection: Connection, statement: str) -> str | None:
    try:
        return connection.execute(text(statement)).scalar()
    except DBAPIError as error:
        if connection.dialect.name != "sqlite" and getattr(error.orig, "sqlstate", None) != _UNDEFINED_TABLE:
            raise
        connection.rollback()
        return None


_UNDEFINED_TABLE = "42P01"


def _upgrade(connection: Connection) -> None:
    if connection.dialect.name != "sqlite":
        for statement in (_NO_HURRY, _NOTEBOOK, _ALONE, _PATIENCE):
            connection.execute(statement)
        # Another worker may have done it meanwhile.
        if _is_good(connection):
            return
    from alembic import command  # noqa: PLC0415 - a quarter of a second that an up-to-date index need not pay
    from alembic.config import Config  # noqa: PLC0415 - as above

    configuration = Config()
    configuration.set_main_option("script_location", "filmjacket.index:migrations")
    configuration.attributes["connection"] = connection
    command.upgrade(configuration, "head")
