"""What belongs to the process while an attempt runs in it: its directory, its mark, its streams, what it uses."""

from __future__ import annotations

import os
import resource
import sys
from typing import Any, Mapping

#: Of the environment: carried by whatever is started, so that it can be found.
_mark = "taskledger_attempt"
_home = os.getcwd()


def prepare_streams() -> None:
    """Lines arrive when they are printed, and no text fails to be."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)  # type: ignore[union-attr]


def enter_attempt(warm: Mapping[str, str]) -> int:
    """In a warm child: makes the attempt's directory and mark those of the process. Returns the processor time before it."""
    _place(warm["directory"])
    os.environ[_mark] = warm["mark"]
    _forget_largest_size()
    return used()["cpu_ms"]


def leave_attempt(warm: Mapping[str, str]) -> None:
    """Leaves the attempt's directory, and marks the end of what it printed."""
    _place(_home)
    flush()
    # The first newline ends a line that the handler left unfinished.
    end = f"\n{warm['endOfOutput']}\n".encode()
    for stream in (1, 2):
        try:
            os.write(stream, end)
        except OSError:
            # Closed by the handler: the runner waits for the mark in vain, and ends this process.
            pass


def flush() -> None:
    for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
        try:
            stream.flush()  # type: ignore[union-attr]
        except Exception:
            # Closed, or replaced by something else: nothing of it can be kept.
            pass


def used(before_ms: int = 0) -> dict[str, Any]:
    own = resource.getrusage(resource.RUSAGE_SELF)
    cpu_ms = round((own.ru_utime + own.ru_stime) * 1000)
    # In kilobytes, but for macOS.
    unit = 1 if sys.platform == "darwin" else 1024
    return {"cpu_ms": max(0, cpu_ms - before_ms), "max_rss_bytes": own.ru_maxrss * unit}


def present_size() -> int:
    """Bytes of memory held now; where that cannot be asked, the most there ever were."""
    try:
        with open("/proc/self/statm", encoding="ascii") as statm:
            return int(statm.read().split()[1]) * resource.getpagesize()
    except OSError:
        return int(used()["max_rss_bytes"])


def _place(directory: str) -> None:
    os.chdir(directory)
    os.environ["TMPDIR"] = directory
    # It remembers the first answer.
    tempfile = sys.modules.get("tempfile")
    if tempfile is not None:
        tempfile.tempdir = None  # type: ignore[attr-defined]


def _forget_largest_size() -> None:
    """Linux forgets it on request; elsewhere it is that of the process since its start."""
    try:
        with open("/proc/self/clear_refs", "w", encoding="ascii") as clear:
            clear.write("5")
    except OSError:
        pass
