"""`filmjacket webhooks`: who is told of changes over HTTP, and what could not be delivered."""

# Commands import when they run, so that `--help` answers at once; typer wants flags as plain parameters.
# ruff: noqa: PLC0415, FBT002

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Annotated

import typer

from filmjacket.cli.options import ConfigOption, DatabaseOption, DataOption, settings_from
from filmjacket.errors import NotFound

if TYPE_CHECKING:
    from filmjacket.archive.webhooks import Webhook

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Name of the webhook.")]

app = typer.Typer(
    no_args_is_help=True,
    help="""
Webhooks: targets that are told of changes over HTTPS, in order, each until it has taken the event.

The running server delivers. Events are CloudEvents 1.0; the header Filmjacket-Signature proves where they come from.
""",
)


@app.command("add")
def add(  # noqa: PLR0913, PLR0917 - one for each option
    name: NameArgument,
    url: Annotated[str, typer.Argument(metavar="URL", help="Where events are sent.")],
    wanted: Annotated[
        str,
        typer.Option("--filter", help="Which changes, as the query of /changes.", show_default="level=study"),
    ] = "level=study",
    secret: Annotated[str, typer.Option(help="Key of the signatures; unset: a new one is made and shown.")] = "",
    from_start: Annotated[
        bool, typer.Option("--from-start", help="Begin with the oldest change that is kept.")
    ] = False,
    data: DataOption = None,
    database: DatabaseOption = None,
    config: ConfigOption = None,
) -> None:
    """Register a webhook. It is told of what happens from now on.

    Example: `filmjacket webhooks add ai https://ai.example.org/hook --filter action=stable --data ./archive`
    """
    settings = settings_from(config, data=data, database=database)
    from filmjacket.archive.webhooks import Webhook
    from filmjacket.listening import target_rules
    from filmjacket.opening import open_archive
    from filmjacket.services.notifications.webhooks import register

    with closing(open_archive(settings)) as archive:
        asked = Webhook(name, url, secret, wanted, 0, 0)
        made = register(archive.webhooks, archive.changes, target_rules(settings), asked, from_start=from_start)
    typer.echo(f"{name}: registered.")
    if not secret:
        typer.echo(f"Secret of its signatures, shown only now: {made.secret}")


@app.command("list")
def list_webhooks(data: DataOption = None, database: DatabaseOption = None, config: ConfigOption = None) -> None:
    """Show every webhook and how far it has been told.

    Example: `filmjacket webhooks list --data ./archive`
    """
    settings = settings_from(config, data=data, database=database)
    from filmjacket.archive.changes import Log
    from filmjacket.opening import open_archive

    with closing(open_archive(settings)) as archive:
        last = archive.changes.extent(Log.CHANGES).last
        for webhook in archive.webhooks.webhooks():
            typer.echo(_line(webhook, last, len(archive.webhooks.dead_letters(webhook.name))))


@app.command("remove")
def remove(
    name: NameArgument, data: DataOption = None, database: DatabaseOption = None, config: ConfigOption = None
) -> None:
    """Forget a webhook and its dead letters.

    Example: `filmjacket webhooks remove ai --data ./archive`
    """
    settings = settings_from(config, data=data, database=database)
    from filmjacket.opening import open_archive

    with closing(open_archive(settings)) as archive:
        if not archive.webhooks.remove(name):
            raise NotFound("No webhook has this name.", offender="NAME")
    typer.echo(f"{name}: removed.")


@app.command("test")
def send_trial(
    name: NameArgument, data: DataOption = None, database: DatabaseOption = None, config: ConfigOption = None
) -> None:
    """Send a trial event at once. Exits with 1 if it was not taken.

    Example: `filmjacket webhooks test ai --data ./archive`
    """
    settings = settings_from(config, data=data, database=database)
    from filmjacket.listening import open_sender, source_of
    from filmjacket.opening import open_archive
    from filmjacket.services.notifications.webhooks import find, ping

    with closing(open_archive(settings)) as archive:
        webhook = find(archive.webhooks, name)
    result = ping(open_sender(settings), webhook, source_of(settings))
    typer.echo(f"{name}: {result.failure or 'taken'}.")
    if result.failure:
        raise typer.Exit(1)


@app.command("dead")
def dead(
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="Name of the webhook; unset: of every one.")] = "",
    data: DataOption = None,
    database: DatabaseOption = None,
    config: ConfigOption = None,
) -> None:
    """Show deliveries that were given up. Exits with 1 if there are any.

    Example: `filmjacket webhooks dead --data ./archive`
    """
    settings = settings_from(config, data=data, database=database)
    from filmjacket.clock import moment_text
    from filmjacket.opening import open_archive

    with closing(open_archive(settings)) as archive:
        letters = archive.webhooks.dead_letters(name)
    for letter in letters:
        moment = moment_text(letter.at)
        typer.echo(f"{letter.webhook} {letter.number}: {letter.failure}, {letter.attempts} attempts, last at {moment}")
    if letters:
        raise typer.Exit(1)


@app.command("redeliver")
def redeliver(
    name: NameArgument,
    number: Annotated[int | None, typer.Argument(metavar="[NUMBER]", help="Number of the change; unset: all.")] = None,
    data: DataOption = None,
    database: DatabaseOption = None,
    config: ConfigOption = None,
) -> None:
    """Have dead letters tried once more, by the running server and before anything newer.

    Example: `filmjacket webhooks redeliver ai --data ./archive`
    """
    settings = settings_from(config, data=data, database=database)
    from filmjacket.opening import open_archive

    with closing(open_archive(settings)) as archive:
        count = archive.webhooks.revive(name, number)
    if not count:
        raise NotFound("There is no such dead letter.", offender="NAME")
    typer.echo(f"{name}: {count} to be tried once more.")


def _line(webhook: Webhook, last: int, dead_count: int) -> str:
    behind = last - webhook.number
    told = "told of everything" if behind <= 0 else f"at {webhook.number}, {behind} changes behind"
    parts = [f"{webhook.name}: {webhook.url}", f"filter {webhook.filter}", told]
    if webhook.attempts:
        parts.append(f"{webhook.attempts} failed attempts, the last with: {webhook.failure}")
    if dead_count:
        parts.append(f"{dead_count} dead letters")
    return "; ".join(parts)
