"""What a handler may raise, and what the ledger refuses with."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any, Mapping, Optional, Union

_unit_ms = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


class LedgerError(Exception):
    """An error with a stable code, and with what was expected, what was found and what to do."""

    def __init__(self, code: str, message: str, details: Optional[Mapping[str, Any]] = None) -> None:
        super().__init__(message)
        self.code = code
        self.details = details

    @classmethod
    def of(
        cls, code: str, *, expected: str, found: str, remedy: str, details: Optional[Mapping[str, Any]] = None
    ) -> LedgerError:
        return cls(code, f"Expected {expected}; found {found}. {remedy}.", details)


class FatalError(Exception):
    """Raised by a handler: no further attempt, whatever the retry policy says."""


class RetryAfter(Exception):
    """Raised by a handler: the next attempt, if the policy still allows one, comes after `delay` instead of the backoff.

    `delay` is a timedelta, or text with its unit such as "30s", "10m", "2h".
    """

    def __init__(
        self, delay: Union[timedelta, str], message: str = "the handler asked for another attempt later"
    ) -> None:
        super().__init__(message)
        self.delay_ms = duration_ms(delay, "RetryAfter")


class RetryAt(Exception):
    """As RetryAfter, at a moment: a datetime with its time zone."""

    def __init__(self, at: datetime, message: str = "the handler asked for another attempt at a set time") -> None:
        super().__init__(message)
        if at.tzinfo is None:
            raise LedgerError.of(
                "TASKLEDGER_INVALID_OPTION",
                expected="RetryAt to be given a datetime with its time zone",
                found="one without",
                remedy="Use datetime.now(timezone.utc), or add the zone that is meant",
            )
        self.at = at


class TaskAborted(Exception):
    """Raised by `task.raise_if_aborted()`: the attempt was told to stop, and `reason` says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"told: {reason}")
        self.reason = reason


def duration_ms(duration: Union[timedelta, str], what: str) -> int:
    """A duration in whole milliseconds. A bare number could be seconds as well as milliseconds, and is refused."""
    if isinstance(duration, timedelta) and duration >= timedelta(0):
        return round(duration / timedelta(milliseconds=1))
    parsed = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)", duration) if isinstance(duration, str) else None
    if parsed is not None:
        return round(float(parsed[1]) * _unit_ms[parsed[2]])
    raise LedgerError.of(
        "TASKLEDGER_INVALID_OPTION",
        expected=f"{what} to be a timedelta, or a number with its unit such as 30s, 10m, 2h",
        found=repr(duration),
        remedy="Write the duration in one of these forms",
    )
