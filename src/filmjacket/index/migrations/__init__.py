"""Migrations of the index, one file a change; run by `filmjacket.index.migrate`."""
