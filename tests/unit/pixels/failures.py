"""What a codec may do to its process, for tests of the wall."""

from __future__ import annotations

import ctypes
import os
import signal
import time

import numpy as np

from filmjacket.errors import NotAcceptable


def segfault():
    ctypes.string_at(0)


def exit_at_once():
    os._exit(3)


def kill_itself():
    os.kill(os.getpid(), signal.SIGKILL)


def sleep(seconds):
    time.sleep(seconds)
    return os.getpid()


def take_memory(size):
    return bytes(size)[:1]


def refuse():
    raise NotAcceptable("Not like this.", section="8.7", offender="frames", accepted=("like that",))


def fail():
    raise KeyError("a defect")


def echo(value):
    return value


def process():
    return os.getpid()


def zeros(rows, columns):
    return np.zeros((rows, columns), np.uint16)


class Trojan:
    """Runs a command in whoever unpickles it."""

    def __reduce__(self):
        return os.system, ("false",)


def trojan():
    return Trojan()
