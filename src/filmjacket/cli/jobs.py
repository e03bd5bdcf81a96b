"""`filmjacket jobs`: long work that goes on after whatever stops it; start it, watch it, cancel it."""

# Commands import when they run, so that `--help` answers at once; typer wants flags as plain parameters.
# ruff: noqa: PLC0415, FBT002

from __future__ import annotations

import time
from contextlib import closing, contextmanager
from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import TYPE_CHECKING, Annotated, Any

import typer

from filmjacket.cli.options import ConfigOption, DataOption, settings_from
from filmjacket.cli.progress import progress, size_text
from filmjacket.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from filmjacket.jobs.records import Job, Jobs
    from filmjacket.settings import Settings

WATCH_SECONDS = 0.5
HINT_SECONDS = 15.0

JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document instead of text.")]
WaitOption = Annotated[bool, typer.Option("--wait", "-w", help="Show progress until the job is over.")]
IdArgument = Annotated[str, typer.Argument(metavar="ID", help="ID of the job, or the beginning of it.")]

app = typer.Typer(
    help="Long work that goes on after whatever stops it: start it, watch it, cancel it.", no_args_is_help=True
)
start = typer.Typer(
    help="Queue a job. The server starts an executor for it; without a server, `filmjacket jobs run` does.",
    no_args_is_help=True,
)
app.add_typer(start, name="start")


@start.command("verify")
def start_verify(
    threads: Annotated[int | None, typer.Option(min=1, max=256, help="Threads.", show_default="number of CPUs")] = None,
    data: DataOption = None,
    wait: WaitOption = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Check every stored instance against its size and SHA-256.

    Example: `filmjacket jobs start verify --data ./archive --wait`
    """
    given = {} if threads is None else {"threads": threads}
    _start(settings_from(config, data=data), "verify", given, wait=wait, as_json=as_json)


@start.command("sweep")
def start_sweep(
    grace_hours: Annotated[int, typer.Option(min=0, help="Hours that bytes nobody refers to are left alone.")] = 24,
    data: DataOption = None,
    wait: WaitOption = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Remove stored bytes that no instance refers to, and abandoned uploads.

    Example: `filmjacket jobs start sweep --data ./archive --grace-hours 48`
    """
    given = {"grace_hours": grace_hours}
    _start(settings_from(config, data=data), "sweep", given, wait=wait, as_json=as_json)


@start.command("reindex")
def start_reindex(
    everything: Annotated[bool, typer.Option("--all", help="Begin anew, also with what was filled in before.")] = False,
    data: DataOption = None,
    wait: WaitOption = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Fill in the attributes of `search.attributes` for what is stored already.

    Example: `filmjacket jobs start reindex --data ./archive --wait`
    """
    given = {"everything": everything}
    _start(settings_from(config, data=data), "reindex", given, wait=wait, as_json=as_json)


@start.command("purge")
def start_purge(
    data: DataOption = None, wait: WaitOption = False, as_json: JsonOption = False, config: ConfigOption = None
) -> None:
    """Remove for good what was deleted longer ago than the undo window.

    Example: `filmjacket jobs start purge --data ./archive`
    """
    _start(settings_from(config, data=data), "purge", {}, wait=wait, as_json=as_json)


@start.command("purge-workitems")
def start_purge_workitems(
    data: DataOption = None, wait: WaitOption = False, as_json: JsonOption = False, config: ConfigOption = None
) -> None:
    """Remove completed and canceled workitems whose retention is over and that nobody has locked.

    Example: `filmjacket jobs start purge-workitems --data ./archive`
    """
    _start(settings_from(config, data=data), "purge-workitems", {}, wait=wait, as_json=as_json)


@start.command("transcode")
def start_transcode(
    to: Annotated[
        str | None, typer.Option(help="Lossless transfer syntax to keep.", show_default="HTJ2K lossless")
    ] = None,
    source: Annotated[
        list[str] | None,
        typer.Option("--from", help="Transfer syntax to rewrite; repeat for more.", show_default="the uncompressed"),
    ] = None,
    study: Annotated[str | None, typer.Option(help="Only this Study Instance UID.")] = None,
    data: DataOption = None,
    wait: WaitOption = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Rewrite stored instances without loss, each checked by decoding before the old bytes go.

    The bytes are not those that were received any more. Left alone: what is on legal hold, lossy, or gets no smaller.

    Example: `filmjacket jobs start transcode --to 1.2.840.10008.1.2.4.80 --data ./archive`
    """
    given = {name: value for name, value in (("to", to), ("from", source), ("study", study)) if value}
    _start(settings_from(config, data=data), "transcode", given, wait=wait, as_json=as_json)


@start.command("export")
def start_export(
    destination: Annotated[Path, typer.Argument(metavar="PATH", help="Folder, or file that ends in .zip.")],
    study: Annotated[str, typer.Option(help="Study Instance UID.")],
    series: Annotated[str | None, typer.Option(help="Only this Series Instance UID.")] = None,
    data: DataOption = None,
    wait: WaitOption = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Write a study or series to a folder or ZIP file on the machine that the executor runs on.

    Example: `filmjacket jobs start export ./out.zip --study 1.2.840.113619.2.1 --data ./archive`
    """
    given = {"to": str(destination.absolute()), "study": study, "series": series or ""}
    _start(settings_from(config, data=data), "export", given, wait=wait, as_json=as_json)


@app.command("list")
def list_jobs(
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=10_000, help="Most jobs to show.")] = 20,
    unfinished: Annotated[bool, typer.Option("--unfinished", help="Only jobs that wait or run.")] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show jobs, newest first.

    Example: `filmjacket jobs list --data ./archive --unfinished`
    """
    with _jobs(settings_from(config, data=data)) as jobs:
        found = jobs.list(limit=limit, unfinished_only=unfinished)
    if as_json:
        _echo_json([_document(job) for job in found])
        return
    for job in found:
        typer.echo(_line(job))
    if not found:
        typer.echo("No jobs.")


@app.command("show")
def show(
    job_id: IdArgument,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Show progress until the job is over.")] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show one job: how far it is, how fast, what it found. Exits with 1 if it failed or found damage.

    Example: `filmjacket jobs show verify-1a2b3c4d --data ./archive --follow`
    """
    with _jobs(settings_from(config, data=data)) as jobs:
        job = _follow(jobs, job_id, quiet=as_json) if follow else _found(jobs, job_id)
    _tell(job, as_json=as_json)


@app.command("cancel")
def cancel(job_id: IdArgument, data: DataOption = None, config: ConfigOption = None) -> None:
    """Let a job end after the step that it is in; what it has done stays. Exits with 1 if it was over already.

    Example: `filmjacket jobs cancel verify-1a2b3c4d --data ./archive`
    """
    with _jobs(settings_from(config, data=data)) as jobs:
        job = _found(jobs, job_id)
        done = jobs.cancel(job.job_id)
    typer.echo(f"{job.job_id}: {'cancelled' if done else f'{job.state} already'}.")
    if not done:
        raise typer.Exit(1)


@app.command("run")
def run(
    until_idle: Annotated[
        bool, typer.Option("--until-idle", help="End when there has been no job for a while.")
    ] = False,
    parent: Annotated[int | None, typer.Option(hidden=True, help="End with this process.")] = None,
    data: DataOption = None,
    config: ConfigOption = None,
) -> None:
    """Run jobs until stopped with Ctrl-C or SIGTERM; several executors share the work.

    Example: `filmjacket jobs run --data ./archive`
    """
    settings = settings_from(config, data=data)
    from filmjacket.jobs.executor_process import run_executor

    run_executor(settings, until_idle=until_idle, parent=parent)


@contextmanager
def _jobs(settings: Settings) -> Generator[Jobs]:
    from filmjacket.jobs.engine import open_jobs
    from filmjacket.logs import configure_logging
    from filmjacket.opening import open_archive

    configure_logging(level="warning", output=settings.log.format)
    with closing(open_archive(settings)) as archive, closing(open_jobs(settings, archive.leases)) as jobs:
        yield jobs


def _start(settings: Settings, kind: str, given: Mapping[str, object], *, wait: bool, as_json: bool) -> None:
    from filmjacket.jobs.kinds import kind_named

    kind_named(kind).parse(given)  # before anything is opened
    with _jobs(settings) as jobs:
        job_id = jobs.submit(kind, given)
        job = _follow(jobs, job_id, quiet=as_json) if wait else _found(jobs, job_id)
    _tell(job, as_json=as_json)


def _found(jobs: Jobs, job_id: str) -> Job:
    job = jobs.find(job_id)
    if job is None:
        raise NotFound("No job has this ID; `filmjacket jobs list` shows them.", offender="ID")
    return job


def _follow(jobs: Jobs, job_id: str, *, quiet: bool) -> Job:
    """Watch a job until it is over."""
    from filmjacket.jobs.kinds import KINDS

    job = _found(jobs, job_id)
    unit = KINDS[job.kind].unit if job.kind in KINDS else "items"
    with progress(job.kind.capitalize(), unit, quiet=quiet) as display:
        done = size = 0
        hint_at = time.monotonic() + HINT_SECONDS
        while True:
            if job.state == "waiting" and time.monotonic() > hint_at:
                typer.echo("The job waits for an executor: start the server, or `filmjacket jobs run`.", err=True)
                hint_at = float("inf")
            display.expect(job.progress.total)
            new, grown = job.progress.done - done, job.progress.size - size
            for number in range(max(new, 0)):
                display.advance(grown if number == 0 else 0)
            done, size = job.progress.done, job.progress.size
            if job.state.over:
                return job
            time.sleep(WATCH_SECONDS)
            job = _found(jobs, job.job_id)


def _tell(job: Job, *, as_json: bool) -> None:
    if as_json:
        _echo_json(_document(job))
    else:
        typer.echo(_line(job))
        for finding in job.progress.findings:
            typer.echo(f"  {finding}")
    if job.state == "failed" or job.progress.counts.get("damaged"):
        raise typer.Exit(1)


def _line(job: Job) -> str:
    from filmjacket.clock import moment_text
    from filmjacket.jobs.kinds import KINDS

    unit = KINDS[job.kind].unit if job.kind in KINDS else "items"
    done = job.progress
    amount = f"{done.done} of {done.total} {unit}" if done.total else f"{done.done} {unit}"
    size = f", {size_text(done.size)}" if done.size else ""
    rate = f", {done.rate:.0f}/s" if done.seconds else ""
    counts = "".join(f", {number} {name}" for name, number in sorted(done.counts.items()) if number)
    reason = f": {job.message}" if job.message else ""
    return f"{moment_text(job.submitted_at)}  {job.job_id}  {job.state}{reason}  {amount}{size}{rate}{counts}"


def _document(job: Job) -> dict[str, Any]:
    done = job.progress
    return {
        "id": job.job_id,
        "kind": job.kind,
        "state": str(job.state),
        "arguments": job.arguments,
        "done": done.done,
        "total": done.total,
        "bytes": done.size,
        "seconds": round(done.seconds, 3),
        "counts": dict(done.counts),
        "findings": list(done.findings),
        "submitted_at": job.submitted_at,
        "finished_at": job.finished_at or None,
        "message": job.message,
    }


def _echo_json(document: object) -> None:
    import orjson

    typer.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode())
