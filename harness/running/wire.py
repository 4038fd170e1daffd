"""Jobs and answers as JSON text: all that workers and the process that asks them say to each other.

Numbers come back with the same bits. NaN and infinity are written as Python's ``json`` writes them,
by name, because a loss may be either.
"""

from __future__ import annotations

import json
import threading
from functools import cache
from typing import Any, cast

from harness.running.jobs import Answer, Job
from harness.running.telling import Told
from harness.study.converter import from_plain, tag, to_plain

Message = Answer | Told
"""What a worker says: how far it is, any number of times, and then what came of the job."""


_BY_ONE = threading.Lock()  # a thread for each worker reads and writes


def job_text(job: Job) -> bytes:
    """Write a job."""
    return _text(job, Job)


def read_job(text: bytes) -> Job:
    """Read what :func:`job_text` wrote.

    Raises:
        ValueError: it is no job.
    """
    return cast(Job, _read(text, Job))


def message_text(message: Message) -> bytes:
    """Write a message."""
    return _text(message, Message)


def read_message(text: bytes) -> Message:
    """Read what :func:`message_text` wrote.

    Raises:
        ValueError: it is no message.
    """
    return cast(Message, _read(text, Message))


def prepare() -> None:
    """Load what reading and writing need, so that the first job does not wait for it."""
    read_job(b'{"kind": "WarmJob", "trials": [], "measuring": false}')


def _text(value: Any, kinds: Any) -> bytes:
    with _BY_ONE:
        _tag()
    return json.dumps(to_plain(value, kinds), separators=(",", ":")).encode()


def _read(text: bytes, kinds: Any) -> Any:
    with _BY_ONE:
        _tag()
    return from_plain(kinds, json.loads(text))


@cache
def _tag() -> None:
    for kinds in (Job, Message):
        tag(kinds)
