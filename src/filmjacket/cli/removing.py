"""`filmjacket delete`, `restore`, `deleted` and `purge`: taking things out of the archive, and back in."""

# Commands import when they run, so that `--help` answers at once; typer wants flags as plain parameters.
# ruff: noqa: PLC0415, FBT002

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Annotated

import typer

from filmjacket.cli.options import BlobsOption, ConfigOption, DatabaseOption, DataOption, QuietOption, settings_from
from filmjacket.cli.progress import progress, size_text
from filmjacket.errors import Conflict, Gone, NotFound

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from filmjacket.archive.deletions import DeletedResource, DeletionRules
    from filmjacket.opening import Archive
    from filmjacket.services.studies.remove import Remover
    from filmjacket.web.refs import ResourceRef

UidArguments = Annotated[list[str], typer.Argument(metavar="UID...", help="UIDs of studies, series or instances.")]
StudyOption = Annotated[
    str | None, typer.Option(help="The study to look in, should two studies share a Series Instance UID.")
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", "-n", help="Only tell what would be removed.")]


def delete(
    uids: UidArguments,
    study: StudyOption = None,
    data: DataOption = None,
    database: DatabaseOption = None,
    blobs: BlobsOption = None,
    config: ConfigOption = None,
) -> None:
    """Delete studies, series or instances, each with everything below it.

    They are out of sight at once, and can be restored for `deletion.undo_days`; `filmjacket purge` then removes
    them for good. Nothing is deleted that is on legal hold or younger than `deletion.minimum_retention_days`.
    Exits with 1 if something was refused.

    Example: `filmjacket delete 1.2.840.113619.2.1 --data ./archive`
    """
    from filmjacket.clock import moment_text

    def delete_one(remover: Remover, ref: ResourceRef) -> str:
        removed = remover.delete(ref)
        return (
            f"{_counted(removed.instances, 'instance')} of {removed.series} series deleted, "
            f"can be restored until {moment_text(removed.restorable_until)}"
        )

    settings = settings_from(config, data=data, database=database, blobs=blobs)
    from filmjacket.opening import open_archive

    with closing(open_archive(settings)) as archive:
        remover = _remover(archive, settings.deletion.rules)
        refused = _each(uids, lambda uid: delete_one(remover, _find(archive, uid, study, deleted=False)))
    if refused:
        raise typer.Exit(1)


def restore(
    uids: UidArguments,
    study: StudyOption = None,
    data: DataOption = None,
    database: DatabaseOption = None,
    blobs: BlobsOption = None,
    config: ConfigOption = None,
) -> None:
    """Bring back what was deleted and not yet purged, as if it had never been gone.

    A study comes back as it was when it was deleted: what had been deleted of it before, on its own, is restored
    by its own UID. A series or instance comes back also out of a deleted study. Exits with 1 if something could
    not be restored.

    Example: `filmjacket restore 1.2.840.113619.2.1 --data ./archive`
    """

    def restore_one(remover: Remover, ref: ResourceRef) -> str:
        outcome = remover.restore(ref)
        again = f", {outcome.stored_again} not, for they were stored again meanwhile" if outcome.stored_again else ""
        return f"{_counted(outcome.restored, 'instance')} restored{again}"

    settings = settings_from(config, data=data, database=database, blobs=blobs)
    from filmjacket.opening import open_archive

    with closing(open_archive(settings)) as archive:
        remover = _remover(archive, settings.deletion.rules)
        refused = _each(uids, lambda uid: restore_one(remover, _find(archive, uid, study, deleted=True)))
    if refused:
        raise typer.Exit(1)


def deleted(
    data: DataOption = None, database: DatabaseOption = None, blobs: BlobsOption = None, config: ConfigOption = None
) -> None:
    """List what is deleted and can be restored, and replaced versions that are kept; oldest first.

    Example: `filmjacket deleted --data ./archive`
    """
    settings = settings_from(config, data=data, database=database, blobs=blobs)
    from filmjacket.opening import open_archive

    with closing(open_archive(settings)) as archive:
        resources = archive.index.deleted()
    for resource in resources:
        typer.echo(_line(resource))
    instances, size = sum(one.instances for one in resources), sum(one.bytes for one in resources)
    typer.echo(f"{_counted(instances, 'instance')}, {size_text(size)}, out of sight and not yet purged.")


def purge(
    data: DataOption = None,
    database: DatabaseOption = None,
    blobs: BlobsOption = None,
    dry_run: DryRunOption = False,
    quiet: QuietOption = False,
    config: ConfigOption = None,
) -> None:
    """Remove for good what was deleted longer ago than the undo window, except what is on legal hold.

    Safe to stop and to run again, also while the server runs; meant for a daily timer.

    Example: `filmjacket purge --data ./archive --dry-run`
    """
    settings = settings_from(config, data=data, database=database, blobs=blobs)
    from filmjacket.clock import now
    from filmjacket.maintenance import purge as purging
    from filmjacket.opening import open_archive

    with closing(open_archive(settings)) as archive, progress("Purging", "batches", quiet=quiet) as display:
        report = purging.purge(
            archive.index,
            archive.blobs,
            settings.deletion.rules,
            at=now(),
            dry_run=dry_run,
            on_purged=lambda _instances, size: display.advance(size),
        )
    verb = "would be removed" if dry_run else "removed"
    typer.echo(f"{_counted(report.instances, 'instance')}, {size_text(report.bytes)}, {verb} for good.")


def _remover(archive: Archive, rules: DeletionRules) -> Remover:
    from filmjacket.clock import now
    from filmjacket.services.studies.remove import Remover

    return Remover(archive.index, rules, now)


def _each(uids: Sequence[str], act: Callable[[str], str]) -> int:
    """Act on every UID, one line for each; returns how many were refused."""
    refused = 0
    for uid in uids:
        try:
            typer.echo(f"{uid}: {act(uid)}.")
        except (Conflict, Gone, NotFound) as error:
            typer.echo(f"{uid}: {error.message}", err=True)
            refused += 1
    return refused


def _find(archive: Archive, uid: str, study: str | None, *, deleted: bool) -> ResourceRef:
    """The one resource that has a UID."""
    found = [ref for ref in archive.index.locate(uid, deleted=deleted) if study in {None, ref.study}]
    if len(found) > 1:
        raise NotFound("Several resources have this UID; say with --study which one is meant.", offender="UID")
    if found:
        return found[0]
    if deleted:
        raise NotFound("Nothing with this UID is deleted and can be restored.", offender="UID")
    if archive.index.locate(uid, deleted=True):
        raise Gone("This is deleted already.", offender="UID")
    raise NotFound("No stored study, series or instance has this UID.", offender="UID")


def _line(resource: DeletedResource) -> str:
    from filmjacket.archive.deletions import Cause
    from filmjacket.clock import moment_text

    ref = resource.ref
    replaced = resource.cause is Cause.REPLACED
    kind = f"replaced {Cause.INSTANCE}" if replaced else str(resource.cause)
    what = f"{kind} {ref.instance or ref.series or ref.study}"
    held = ", on legal hold" if resource.held else ""
    until = "" if replaced else f", until {moment_text(resource.keep_until)}"
    amount = f"{_counted(resource.instances, 'instance')}, {size_text(resource.bytes)}"
    return f"{moment_text(resource.deleted_at)}  {what}: {amount}{until}{held}"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
