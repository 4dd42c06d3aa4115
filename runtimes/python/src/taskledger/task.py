"""What a handler is given."""

from __future__ import annotations

import threading
from datetime import datetime, timezone
from typing import Any, Callable, Generic, NamedTuple, Optional, TypeVar

from .errors import TaskAborted
from .log import Log

Input = TypeVar("Input")

_missing: Any = object()


class Lease(NamedTuple):
    """The fencing token of an attempt, `epoch` and `version`: grows with every lease of the task.

    Hand it to what must not be done twice. `site` is where it was granted: the site that owns the task.
    """

    epoch: int
    version: int
    site: str


class Aborted(threading.Event):
    """Set when the attempt is to stop; `reason` is abort, timeout, lease lost or shutdown. `wait(seconds)` is a sleep that ends early."""

    reason: Optional[str] = None

    def __bool__(self) -> bool:
        return self.is_set()


class Task(Generic[Input]):
    """One attempt of a task. In a test, make one yourself: `Task({"payoutId": "p1"})`."""

    def __init__(
        self,
        input: Input,
        *,
        id: str = "00000000-0000-7000-8000-000000000000",
        name: str = "test",
        attempt: int = 1,
        lease: Lease = Lease(1, 1, "test"),
        run_at: Optional[datetime] = None,
        checkpoint: Any = None,
        report: Callable[[dict[str, Any]], None] = lambda progress: None,
        log: Optional[Log] = None,
    ) -> None:
        self.id = id
        self.name = name
        self.input = input
        #: 1 for the first attempt.
        self.attempt = attempt
        self.lease = lease
        #: When the task became claimable.
        self.run_at = run_at if run_at is not None else datetime.now(timezone.utc)
        #: What the last attempt saved with `progress(checkpoint=…)`; None if nothing.
        self.checkpoint = checkpoint
        #: Set on an abort request, a timeout, a lost lease, or when the runner must stop now.
        self.aborted = Aborted()
        #: Writes a line into the log of the attempt: `task.log.warning("slow answer", ms=1200)`.
        self.log = log if log is not None else Log()
        self._report = report

    def progress(
        self, fraction: Optional[float] = None, message: Optional[str] = None, *, checkpoint: Any = _missing
    ) -> None:
        """Reports how far the attempt is: `fraction` from 0 to 1, a `message`, a `checkpoint` to resume from.

        Call it as often as you like: it is sent a few times a second at most. With a checkpoint it returns when that has been
        recorded, otherwise at once. It never raises for what it is told; a lost lease shows in `aborted`.
        """
        progress: dict[str, Any] = {}
        if fraction is not None:
            progress["fraction"] = fraction
        if message is not None:
            progress["message"] = message
        if checkpoint is not _missing:
            progress["checkpoint"] = checkpoint
        self._report(progress)

    def raise_if_aborted(self) -> None:
        """Raises TaskAborted if the attempt is to stop: for loops."""
        if self.aborted.is_set():
            raise TaskAborted(self.aborted.reason or "abort")
