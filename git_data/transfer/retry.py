"""Trying again what may work another time: how often, and how long to wait in between.

Waiting times are a random part of a time that doubles ("full jitter", capped), or what the remote asked for.
"""

from __future__ import annotations

import time

from git_data.errors import GitDataError, RemoteUnavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    Answer = TypeVar("Answer")

ATTEMPTS = 6
FIRST_WAIT_S = 0.25
LONGEST_WAIT_S = 20.0
LONGEST_RETRY_AFTER_S = 120.0


def retried(call: Callable[[], Answer]) -> Answer:
    """The answer of ``call``, which is repeated while it raises retryable errors. Raises: what the last attempt raised."""
    for attempt in range(1, ATTEMPTS):
        try:
            return call()
        except GitDataError as error:
            if not error.retryable:
                raise
            time.sleep(pause_s(attempt, error))
    return call()


def pause_s(attempt: int, error: GitDataError) -> float:
    """Seconds to wait after so many failed attempts."""
    from tenacity import RetryCallState, Retrying, wait_random_exponential

    asked_s = error.retry_after_s if isinstance(error, RemoteUnavailable) else 0.0
    state = RetryCallState(Retrying(), None, (), {})
    state.attempt_number = attempt
    jitter_s = wait_random_exponential(FIRST_WAIT_S, LONGEST_WAIT_S)(state)
    return min(asked_s, LONGEST_RETRY_AFTER_S) + jitter_s if asked_s else jitter_s
