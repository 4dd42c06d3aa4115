"""What a handler writes down while it runs."""

from __future__ import annotations

import json
import sys
from typing import Any, Callable, Optional

#: Of one line, and of its fields; the rest is dropped.
_max_bytes = 1000


class Log:
    """`task.log.warning("slow answer", ms=1200)`: a message, and particulars for programs. Never raises.

    The last lines enter the event of the attempt's outcome. What is written is not encoded by a codec.
    """

    def __init__(self, write: Optional[Callable[[dict[str, Any]], None]] = None) -> None:
        self._write = write if write is not None else _to_stderr

    def debug(self, message: object, **fields: Any) -> None:
        self._write(_record("debug", message, fields))

    def info(self, message: object, **fields: Any) -> None:
        self._write(_record("info", message, fields))

    def warning(self, message: object, **fields: Any) -> None:
        self._write(_record("warn", message, fields))

    def error(self, message: object, **fields: Any) -> None:
        self._write(_record("error", message, fields))


def _to_stderr(record: dict[str, Any]) -> None:
    fields = f" {json.dumps(record['fields'])}" if "fields" in record else ""
    print(f"{record['level']} {record['message']}{fields}", file=sys.stderr)


def _record(level: str, message: object, fields: dict[str, Any]) -> dict[str, Any]:
    text = _cut(_text_of(message))
    if not fields:
        return {"level": level, "message": text}
    try:
        size = len(json.dumps(fields, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode())
    except Exception:
        return {"level": level, "message": f"{text} (its fields are left out: no JSON object of text)"}
    if size > _max_bytes:
        return {"level": level, "message": f"{text} (its fields are left out: {size} bytes)"}
    # A copy: what was passed may change before it is sent.
    return {"level": level, "message": text, "fields": json.loads(json.dumps(fields))}


def _text_of(message: object) -> str:
    try:
        if isinstance(message, BaseException):
            import traceback

            return "".join(traceback.format_exception(type(message), message, message.__traceback__)).rstrip()
        return str(message)
    except Exception:
        return "(no text)"


def _cut(text: str) -> str:
    data = text[: _max_bytes + 1].encode("utf-8", "replace")
    return data.decode() if len(data) <= _max_bytes else f"{data[:_max_bytes].decode('utf-8', 'ignore')} … (cut)"
