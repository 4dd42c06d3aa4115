"""The child's end of the protocol descriptor."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
from typing import Any, Iterator

#: Where both sides speak; stdout stays free for the handler.
descriptor = 3


class Channel:
    """Messages as lines of JSON. What the runner sends is believed; what is sent carries the nonce of its attempt."""

    def __init__(self) -> None:
        self._socket = socket.socket(fileno=descriptor)
        # The parent's end is its own business; ours waits.
        self._socket.setblocking(True)
        os.set_inheritable(descriptor, False)
        self._lock = threading.Lock()
        self._is_open = True
        os.register_at_fork(after_in_child=self._leave_to_parent)

    def say(self, nonce: str, message: dict[str, Any]) -> None:
        line = json.dumps({**message, "nonce": nonce}, allow_nan=False).encode() + b"\n"
        if not self._is_open:
            return
        with self._lock:
            try:
                self._socket.sendall(line)
            except OSError:
                # The runner is gone; whoever hears notices, and ends this process.
                pass

    def messages(self) -> Iterator[dict[str, Any]]:
        """Never returns: when the runner is gone nobody waits for this attempt, and somebody else may begin it."""
        try:
            with self._socket.makefile("rb") as lines:
                for line in lines:
                    yield json.loads(line)
        finally:
            if self._is_open:
                os.killpg(os.getpgrp(), signal.SIGKILL)

    def _leave_to_parent(self) -> None:
        """A copy that a handler forked speaks for nobody: a second result would undo the first."""
        self._is_open = False
        os.close(self._socket.detach())
