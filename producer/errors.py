"""Errors of the producer, and the exit code that each one means.

ProducerError
 +-- UsageError         exit 2: what was asked cannot be done
 +-- BrokerUnreachable  exit 3: no broker, or no worker that serves the model
 +-- Interrupted        exit 4: stopped before the end; `producer resume` goes on
"""

from __future__ import annotations

EXIT_OK = 0
EXIT_UNANSWERED = 1
EXIT_USAGE = 2
EXIT_UNREACHABLE = 3
EXIT_RESUMABLE = 4
EXIT_CTRL_C = 130


class ProducerError(Exception):
    """The root; the message is one sentence for the user."""

    exit_code = EXIT_USAGE


class UsageError(ProducerError):
    """What was asked cannot be done: an unknown model, an impossible constraint, no such folder."""

    exit_code = EXIT_USAGE


class BrokerUnreachable(ProducerError):  # noqa: N818 - names say what happened
    """No broker answers, or no worker serves the model."""

    exit_code = EXIT_UNREACHABLE


class Interrupted(ProducerError):  # noqa: N818
    """The job stopped before its end; everything answered so far is in the journal."""

    exit_code = EXIT_RESUMABLE
