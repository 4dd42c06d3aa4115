"""What is told of an exception: name, message, stack and causes, each cut to a bounded size."""

from __future__ import annotations

import os
from types import TracebackType
from typing import Any, Mapping, Optional

from ..errors import FatalError, LedgerError, RetryAfter, RetryAt
from ..payload import encode_payload

_max_text = 4000
_max_causes = 3
_ours = os.path.dirname(os.path.abspath(__file__))


class AttemptFailure(Exception):
    """Carries the code of a failure that is not the handler's own exception."""

    def __init__(self, code: str, reason: BaseException) -> None:
        super().__init__(code)
        self.code = code
        self.reason = reason


def failure_of(raised: BaseException) -> dict[str, Any]:
    """The failure that an exception is, as the protocol has it."""
    code, error = "HANDLER_ERROR", raised
    if isinstance(raised, AttemptFailure):
        code, error = raised.code, raised.reason
    elif isinstance(raised, MemoryError):
        code = "CHILD_OUT_OF_MEMORY"
    return {"code": code, "error": _described(error, _max_causes), "advice": _advice_of(error)}


def _advice_of(error: BaseException) -> dict[str, Any]:
    if isinstance(error, FatalError):
        return {"retry": "never"}
    if isinstance(error, RetryAfter):
        return {"retry": "after", "ms": error.delay_ms}
    if isinstance(error, RetryAt):
        return {"retry": "at", "ms": round(error.at.timestamp() * 1000)}
    return {"retry": "by policy"}


def _described(error: BaseException, causes_left: int) -> dict[str, Any]:
    described: dict[str, Any] = {
        "name": _text(type(error).__name__),
        "message": _text(_message_of(error)),
        "stack": _stack_of(error),
    }
    if isinstance(error, LedgerError) and error.details is not None:
        described["details"] = _storable(error.details)
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None and causes_left > 0:
        described["cause"] = _described(cause, causes_left - 1)
    return described


def _storable(details: Mapping[str, Any]) -> Any:
    try:
        encode_payload(details, "details")
        return details
    except LedgerError:
        return "not shown: the ledger could not store them"


def _message_of(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:
        return "something that cannot be shown as text"


def _stack_of(error: BaseException) -> str:
    import traceback

    try:
        lines = traceback.format_exception(type(error), error, _theirs(error.__traceback__), chain=False)
    except Exception:
        return "a stack that cannot be shown as text"
    stack = "".join(lines).rstrip()
    # Its end says where it was raised.
    cut = stack if len(stack) <= _max_text else "…" + stack[1 - _max_text :]
    return _text(cut)


def _theirs(stack: Optional[TracebackType]) -> Optional[TracebackType]:
    """Without the frames of this package that called the handler."""
    while stack is not None and stack.tb_frame.f_code.co_filename.startswith(_ours) and stack.tb_next is not None:
        stack = stack.tb_next
    return stack


def _text(value: str) -> str:
    return value[:_max_text].encode("utf-8", "replace").decode().replace("\0", "\ufffd")
