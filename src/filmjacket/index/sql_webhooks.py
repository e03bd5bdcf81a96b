"""`SqlWebhooks`: the port `filmjacket.archive.change_port.WebhookStore` over SQLAlchemy Core."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import bindparam, delete, insert, select, update

from filmjacket.archive.webhooks import DeadLetter, Webhook
from filmjacket.index.schema.change_log import dead_letters, webhooks
from filmjacket.index.unit import delete_keys, insert_rows

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from filmjacket.index.engine import Database
    from filmjacket.index.unit import Record

_ALL = select(webhooks).order_by(webhooks.c.name)
_EXISTS = select(webhooks.c.name).where(webhooks.c.name == bindparam("wanted"))
_REMOVE = delete(webhooks).where(webhooks.c.name == bindparam("wanted"))
_REMOVE_LETTERS = delete(dead_letters).where(dead_letters.c.webhook == bindparam("wanted"))
_NOTE = (
    update(webhooks)
    .where(webhooks.c.name == bindparam("wanted"))
    .values(
        number=bindparam("reached"),
        attempts=bindparam("failed"),
        next_at=bindparam("again_at"),
        failure=bindparam("reason"),
        enabled=bindparam("on"),
    )
)
_LETTERS = select(dead_letters).order_by(dead_letters.c.webhook, dead_letters.c.number)


class SqlWebhooks:
    """The webhooks of one archive."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def webhooks(self) -> list[Webhook]:
        """Return every webhook, by name."""
        with self._database.reading() as connection:
            return [_webhook(row) for row in connection.execute(_ALL)]

    def add(self, webhook: Webhook) -> bool:
        """Register one; False if the name is taken."""

        def unit(connection: Connection) -> bool:
            if connection.execute(_EXISTS, {"wanted": webhook.name}).first() is not None:
                return False
            row = {name: getattr(webhook, name) for name in webhooks.c.keys()}  # noqa: SIM118 - no mapping
            insert_rows(
                connection, webhooks, [row | {"filter": webhook.filter.encode(), "enabled": int(webhook.enabled)}]
            )
            return True

        return self._database.write(unit)

    def remove(self, name: str) -> bool:
        """Forget one and its dead letters; False if there is none."""

        def unit(connection: Connection) -> bool:
            connection.execute(_REMOVE_LETTERS, {"wanted": name})
            return connection.execute(_REMOVE, {"wanted": name}).rowcount > 0

        return self._database.write(unit)

    def note(self, webhook: Webhook) -> None:
        """Remember how far deliveries got."""
        self._database.write(lambda connection: _note(connection, webhook))

    def bury(self, webhook: Webhook, letter: DeadLetter) -> None:
        """Keep a delivery that was given up, and note that the webhook has moved on."""

        def unit(connection: Connection) -> None:
            key = {"webhook": letter.webhook, "number": letter.number}
            row = {name: getattr(letter, name) for name in DeadLetter.__slots__}
            delete_keys(connection, dead_letters, [key])  # pyright: ignore[reportArgumentType] - a number is a key as well
            connection.execute(insert(dead_letters), row | {"again": 0})
            _note(connection, webhook)

        self._database.write(unit)

    def dead_letters(self, name: str = "", *, again: bool = False) -> list[DeadLetter]:
        """Return deliveries that were given up; with `again` those that shall be tried once more."""
        statement = _LETTERS.where(dead_letters.c.webhook == name) if name else _LETTERS
        if again:
            statement = statement.where(dead_letters.c.again == 1)
        with self._database.reading() as connection:
            return [_letter(row) for row in connection.execute(statement)]

    def revive(self, name: str, number: int | None = None) -> int:
        """Ask for dead letters of a webhook to be tried once more."""
        statement = update(dead_letters).where(dead_letters.c.webhook == name).values(again=1)
        if number is not None:
            statement = statement.where(dead_letters.c.number == number)
        return self._database.write(lambda connection: connection.execute(statement).rowcount)

    def lay_down(self, letter: DeadLetter, *, delivered: bool) -> None:
        """Forget a dead letter that was delivered at last, or note that it failed again."""
        where = (dead_letters.c.webhook == letter.webhook, dead_letters.c.number == letter.number)
        values = {"again": 0, "attempts": letter.attempts, "failure": letter.failure, "at": letter.at}
        statement = (
            delete(dead_letters).where(*where) if delivered else update(dead_letters).where(*where).values(values)
        )
        self._database.write(lambda connection: connection.execute(statement))


def _note(connection: Connection, webhook: Webhook) -> None:
    values = {
        "wanted": webhook.name,
        "reached": webhook.number,
        "failed": webhook.attempts,
        "again_at": webhook.next_at,
        "reason": webhook.failure,
        "on": int(webhook.enabled),
    }
    connection.execute(_NOTE, values)


def _webhook(row: Record) -> Webhook:
    return Webhook(
        name=row.name,
        url=row.url,
        secret=row.secret,
        filter=bytes(row.filter).decode(),
        created_at=row.created_at,
        number=row.number,
        enabled=bool(row.enabled),
        attempts=row.attempts,
        next_at=row.next_at,
        failure=row.failure,
    )


def _letter(row: Record) -> DeadLetter:
    return DeadLetter(row.webhook, row.number, row.at, row.attempts, row.failure, bytes(row.entry))
