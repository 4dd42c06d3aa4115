"""How an attempt reports progress."""

from __future__ import annotations

import math
import os
import sys
import threading
from typing import Any, Callable, Optional

from ..payload import encode_payload

#: Between two reports; the runner throttles again, but should not have to read a million of them.
_every_s = 0.1


class Reports:
    """The first report goes at once, then the latest ten times a second; a checkpoint always goes, and is awaited."""

    def __init__(self, say: Callable[[dict[str, Any]], None]) -> None:
        self._say = say
        self._lock = threading.Lock()
        self._latest: Optional[dict[str, Any]] = None
        self._timer: Optional[threading.Timer] = None
        self._recording: dict[int, threading.Event] = {}
        self._checkpoints = 0
        self._is_closed = False
        self._process = os.getpid()

    def report(self, progress: dict[str, Any]) -> None:
        # A copy that the handler forked has nobody to report to, and maybe a lock that nobody will open.
        if os.getpid() != self._process:
            return
        progress = _storable(progress)
        if not progress:
            return
        if "checkpoint" in progress:
            self._save(progress)
            return
        with self._lock:
            if self._is_closed:
                return
            self._latest = progress
            if self._timer is None:
                self._tell_latest()

    def recorded(self, number: int) -> None:
        """The runner has recorded a checkpoint, or could not."""
        with self._lock:
            waiting = self._recording.pop(number, None)
        if waiting is not None:
            waiting.set()

    def close(self) -> None:
        """The handler has ended: what it left running reports nothing any more, and waits for no record."""
        with self._lock:
            self._is_closed = True
            if self._timer is not None:
                self._timer.cancel()
            for waiting in self._recording.values():
                waiting.set()
            self._recording.clear()

    def _tell_latest(self) -> None:
        """With the lock held."""
        latest, self._latest, self._timer = self._latest, None, None
        if latest is None or self._is_closed:
            return
        self._say({"kind": "progress", **latest})
        self._timer = threading.Timer(_every_s, self._on_time)
        self._timer.daemon = True
        self._timer.start()

    def _on_time(self) -> None:
        with self._lock:
            self._tell_latest()

    def _save(self, progress: dict[str, Any]) -> None:
        recorded = threading.Event()
        with self._lock:
            if self._is_closed:
                return
            self._latest = None
            self._checkpoints += 1
            self._recording[self._checkpoints] = recorded
            self._say({"kind": "progress", "id": self._checkpoints, **progress})
        recorded.wait()


def _storable(progress: dict[str, Any]) -> dict[str, Any]:
    """What cannot be stored is lost, and no failure of the attempt; the log says so."""
    storable: dict[str, Any] = {}
    for part, value in progress.items():
        try:
            if part == "fraction":
                value = float(value)
                if not math.isfinite(value):
                    raise ValueError(f"the fraction is {value}")
            elif part == "message":
                value = str(value)
            else:
                encode_payload(value, "the checkpoint")
            storable[part] = value
        except Exception as error:
            print(f"not reported: {error}", file=sys.stderr)
    return storable
