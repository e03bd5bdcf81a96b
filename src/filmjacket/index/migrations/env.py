"""Alembic environment: the connection comes from the caller, who also owns the transaction."""

from __future__ import annotations

from alembic import context

from filmjacket.index.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    transactional_ddl=True,
)
context.run_migrations()
