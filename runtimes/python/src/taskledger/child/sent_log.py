"""How the lines of a log reach the runner."""

from __future__ import annotations

import os
import threading
from collections import deque
from typing import Any, Callable, Optional

_window_s = 0.1
#: Sent at once in each window; of what is more only the last lines are, since the runner keeps no more than those.
_lines_per_window = 100
_lines_kept = 50


class SentLog:
    """A line goes at once, so that it is not lost with the process."""

    def __init__(self, say: Callable[[dict[str, Any]], None]) -> None:
        self._say = say
        self._lock = threading.Lock()
        self._held: deque[dict[str, Any]] = deque()
        self._sent = 0
        self._skipped = 0
        self._window: Optional[threading.Timer] = None
        self._is_closed = False
        self._process = os.getpid()

    def write(self, record: dict[str, Any]) -> None:
        # A copy that the handler forked is not the attempt.
        if os.getpid() != self._process:
            return
        with self._lock:
            if self._is_closed:
                return
            if self._sent < _lines_per_window:
                self._sent += 1
                self._open_window()
                self._send(record)
                return
            self._held.append(record)
            if len(self._held) > _lines_kept:
                self._held.popleft()
                self._skipped += 1

    def close(self) -> None:
        """Sends what is held; from now on nothing is written any more."""
        with self._lock:
            self._is_closed = True
            if self._window is not None:
                self._window.cancel()
            self._release()

    def _open_window(self) -> None:
        """Not for the first lines: few handlers write so many that they must be counted again."""
        if self._window is None and self._sent == _lines_per_window:
            self._window = threading.Timer(_window_s, self._next_window)
            self._window.daemon = True
            self._window.start()

    def _next_window(self) -> None:
        with self._lock:
            self._window = None
            self._sent = 0
            self._release()

    def _release(self) -> None:
        while self._held:
            self._send(self._held.popleft())

    def _send(self, record: dict[str, Any]) -> None:
        skipped, self._skipped = self._skipped, 0
        self._say({"kind": "log", **record, **({"skipped": skipped} if skipped else {})})
