"""What an error of a database means for the one who asked: by SQL state, and by wording where there is none."""

from __future__ import annotations

import sqlite3
from enum import Enum, auto

from sqlalchemy.exc import DBAPIError

from filmjacket.errors import OutOfStorage, Unavailable


class Trouble(Enum):
    """Kinds of errors that are told apart."""

    CONFLICT = auto()
    """Another transaction came first; nothing of this one is there."""
    DUPLICATE = auto()
    """A key exists that was not there when the unit looked: on a database with several writers, one of them."""
    LOST = auto()
    """The connection is gone, or the server takes no writes any more."""
    FULL = auto()
    SLOW = auto()
    FOREIGN = auto()
    """The database's own trouble of any other kind: no file, a damaged page."""
    OWN = auto()
    """The statement or its values are at fault."""


# PostgreSQL, Appendix A. 08P01 is what PgBouncer says when it has no server; 25006: the server became a standby.
_BY_STATE = {
    "40001": Trouble.CONFLICT,
    "40P01": Trouble.CONFLICT,
    "55P03": Trouble.CONFLICT,
    "23505": Trouble.DUPLICATE,
    "08000": Trouble.LOST,
    "08001": Trouble.LOST,
    "08003": Trouble.LOST,
    "08004": Trouble.LOST,
    "08006": Trouble.LOST,
    "08P01": Trouble.LOST,
    "25006": Trouble.LOST,
    "25P03": Trouble.LOST,
    "53300": Trouble.LOST,
    "57P01": Trouble.LOST,
    "57P02": Trouble.LOST,
    "57P03": Trouble.LOST,
    "57P05": Trouble.LOST,
    "53100": Trouble.FULL,
    "53200": Trouble.FULL,
    "57014": Trouble.SLOW,
}
_BY_WORDING = {
    "database is locked": Trouble.CONFLICT,
    "database is busy": Trouble.CONFLICT,
    "database or disk is full": Trouble.FULL,
}
_OWN_FAMILY = frozenset({"DataError", "IntegrityError", "ProgrammingError"})


def trouble_of(error: Exception) -> Trouble:
    """Return the kind of a driver's error, bare or as SQLAlchemy wraps it."""
    cause = (error.orig or error) if isinstance(error, DBAPIError) else error
    state = str(getattr(cause, "sqlstate", None) or "")
    if state in _BY_STATE:
        return _BY_STATE[state]
    wording = str(cause)
    found = next((trouble for words, trouble in _BY_WORDING.items() if words in wording), None)
    if found is not None:
        return found
    # Every driver names its errors as PEP 249 does.
    family = {base.__name__ for base in type(cause).__mro__}
    if family & _OWN_FAMILY or not family & {"DatabaseError", "InterfaceError"}:
        return Trouble.OWN
    # A server that does not answer has no state to give.
    return Trouble.LOST if not state and not isinstance(cause, sqlite3.Error) else Trouble.FOREIGN


def translated(error: Exception) -> Exception:
    """Return what the caller is told: a member of the project's family, or the error itself when it is our own."""
    trouble = trouble_of(error)
    if trouble is Trouble.FULL:
        return OutOfStorage("The index has no space left.")
    if trouble is Trouble.CONFLICT:
        return Unavailable("The index is busy with other writers.")
    if trouble is Trouble.SLOW:
        return Unavailable("The index took too long.")
    if trouble in {Trouble.LOST, Trouble.FOREIGN}:
        return Unavailable("The index does not answer.")
    return error
