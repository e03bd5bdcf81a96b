"""Bringing the tables up to date. Alembic is imported only when there is something to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from filmjacket.index.schema import HEAD_REVISION

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from filmjacket.index.engine import Database


def upgrade(database: Database) -> None:
    """Run the migrations that the database lacks, in one transaction that keeps other processes out."""
    with database.reading() as connection:
        if revision_of(connection) == HEAD_REVISION:
            return
    database.write(_upgrade)


def revision_of(connection: Connection) -> str | None:
    """Return the revision of a database, None when it has no tables yet."""
    try:
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    except DBAPIError:
        connection.rollback()
        return None


def _upgrade(connection: Connection) -> None:
    from alembic import command  # noqa: PLC0415 - a quarter of a second that an up-to-date index need not pay
    from alembic.config import Config  # noqa: PLC0415 - as above

    configuration = Config()
    configuration.set_main_option("script_location", "filmjacket.index:migrations")
    configuration.attributes["connection"] = connection
    command.upgrade(configuration, "head")
