"""Hears which attempt this process is, runs its handler, says how it went and ends; or waits for the next one.

The main thread runs handlers, as they may expect (signals, event loops); another one hears, so that a handler that computes
for hours is still told to stop.
"""

from __future__ import annotations

import os
import queue
import sys
import threading
from datetime import datetime
from typing import Any, Callable, Mapping, NoReturn, Optional

from ..log import Log
from ..task import Lease, Task
from .channel import Channel
from .handler import call, handler_named
from .reports import Reports
from .sent_log import SentLog
from .surroundings import enter_attempt, flush, leave_attempt, prepare_streams, present_size, used
from .told_error import AttemptFailure, failure_of


class _Attempt:
    """An attempt as this process was told it."""

    def __init__(self, start: Mapping[str, Any], say: Callable[[dict[str, Any]], None]) -> None:
        told = start["attempt"]
        lease = told["lease"]
        self.start = start
        self.say = say
        self.reports = Reports(say)
        self.log = SentLog(say)
        self.task: Task[Any] = Task(
            told["input"],
            id=told["taskId"],
            name=told["name"],
            attempt=told["attempt"],
            lease=Lease(lease["epoch"], lease["version"], lease["site"]),
            run_at=datetime.fromisoformat(told["runAt"].replace("Z", "+00:00")),
            checkpoint=told.get("checkpoint"),
            report=self.reports.report,
            log=Log(self.log.write),
        )

    def stop(self, reason: str) -> None:
        if not self.task.aborted.is_set():
            self.task.aborted.reason = reason
            self.task.aborted.set()


class _Child:
    def __init__(self) -> None:
        self._channel = Channel()
        self._to_do: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._attempt: Optional[_Attempt] = None

    def run(self) -> NoReturn:
        threading.Thread(target=self._hear, name="taskledger", daemon=True).start()
        while True:
            self._to_do.get()()

    def _hear(self) -> None:
        for message in self._channel.messages():
            kind = message["kind"]
            if kind == "start":
                # Here and not in the main thread, so that a stop on its heels finds it.
                attempt = self._attempt = _Attempt(message, self._sayer(message["nonce"]))
                self._to_do.put(lambda begun=attempt: self._begin(begun))  # type: ignore[misc]
            elif kind == "prepare":
                self._to_do.put(lambda prepared=message: self._prepare(prepared))  # type: ignore[misc]
            elif kind == "leave":
                self._to_do.put(_leave)
            elif self._attempt is not None and kind == "stop":
                self._attempt.stop(message["reason"])
            elif self._attempt is not None and kind == "recorded":
                self._attempt.reports.recorded(message["id"])

    def _sayer(self, nonce: str) -> Callable[[dict[str, Any]], None]:
        return lambda message: self._channel.say(nonce, message)

    def _prepare(self, entry: Mapping[str, Any]) -> None:
        """Loads what attempts will need. What goes wrong is told by the first of them, which tries again."""
        try:
            handler_named(entry["function"], entry["path"])
        except AttemptFailure:
            pass
        self._channel.say(entry["nonce"], {"kind": "ready"})

    def _begin(self, attempt: _Attempt) -> None:
        warm = attempt.start.get("warm")
        before_ms = 0 if warm is None else enter_attempt(warm)
        threads = set(threading.enumerate())
        result = _run(attempt, is_warm=warm is not None)
        attempt.reports.close()
        attempt.log.close()
        attempt.say({**result, "usage": used(before_ms)})
        left = [one.name for one in threading.enumerate() if not one.daemon and one not in threads]
        # One that was told to stop may have returned before all of it has, and a thread certainly has not.
        if warm is None or attempt.task.aborted.is_set() or left:
            if left:
                print(f"the attempt left threads running: {', '.join(left)}", file=sys.stderr)
            _leave()
        leave_attempt(warm)
        attempt.say({"kind": "idle", "rss_bytes": present_size()})


def _run(attempt: _Attempt, *, is_warm: bool) -> dict[str, Any]:
    """How it went. sys.exit() and Ctrl-C are the end of the process, as everywhere, and nothing is said."""
    try:
        handler = handler_named(attempt.start["function"], attempt.start["path"])
        if is_warm:
            attempt.say({"kind": "began"})
        output = call(handler, attempt.task)
    except (SystemExit, KeyboardInterrupt):
        raise
    except BaseException as error:
        return {"kind": "failed", "failure": failure_of(error)}
    return {"kind": "completed"} if output is None else {"kind": "completed", "output": output}


def _leave() -> NoReturn:
    """What was printed last goes out first; a thread that goes on must not keep the process."""
    flush()
    if any(not one.daemon and one is not threading.main_thread() for one in threading.enumerate()):
        os._exit(0)
    sys.exit(0)


def main() -> None:
    prepare_streams()
    _Child().run()
