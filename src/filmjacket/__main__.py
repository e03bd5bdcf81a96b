"""`python -m filmjacket` is the command `filmjacket`."""

from filmjacket.cli.main import run

run()
