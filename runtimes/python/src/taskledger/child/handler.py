"""Finding the function that a manifest names, and calling it."""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any, Callable, Sequence

from ..errors import LedgerError
from ..payload import encode_payload
from ..task import Task
from .surroundings import flush
from .told_error import AttemptFailure


def handler_named(function: str, path: Sequence[str]) -> Callable[[Task[Any]], Any]:
    """Of `package.module:function`. Raises AttemptFailure MODULE_FAILED."""
    sys.path[:0] = [one for one in path if one not in sys.path]
    module_name, _, name = function.partition(":")
    try:
        module = importlib.import_module(module_name)
    except Exception as error:
        raise AttemptFailure("MODULE_FAILED", _unloaded(module_name, error)) from None
    found = getattr(module, name, None)
    if not callable(found):
        kind = "no such name" if found is None else f"a {type(found).__name__}"
        raise AttemptFailure("MODULE_FAILED", _unfit(function, kind))
    return found  # type: ignore[no-any-return]


def call(handler: Callable[[Task[Any]], Any], task: Task[Any]) -> Any:
    """Its output, checked. Raises what the handler raises, or AttemptFailure INVALID_OUTPUT."""
    process = os.getpid()
    try:
        output = handler(task)
        if hasattr(output, "__await__"):
            output = _awaited(output)
    finally:
        if os.getpid() != process:
            _end_copy(sys.exc_info()[1])
    try:
        encode_payload(output, f"the output of {task.name}")
    except LedgerError as error:
        raise AttemptFailure("INVALID_OUTPUT", error) from None
    return output


def _awaited(awaitable: Any) -> Any:
    import asyncio

    async def until_done() -> Any:
        return await awaitable

    return asyncio.run(until_done())


def _end_copy(raised: Any) -> None:
    """What the handler forked came back to its caller: there is one attempt, and it is the parent's."""
    flush()
    code = raised.code if isinstance(raised, SystemExit) else int(raised is not None)
    os._exit(code if isinstance(code, int) else int(code is not None))


def _unloaded(module: str, error: Exception) -> LedgerError:
    problem = LedgerError.of(
        "TASKLEDGER_HANDLERS_INVALID",
        expected=f"{module} to load",
        found=f"{type(error).__name__}: {error}",
        remedy="Install the package it imports, or correct the path in the manifest"
        if isinstance(error, ImportError)
        else "Mend what the module does while it is loaded",
    )
    problem.__cause__ = error
    return problem


def _unfit(function: str, found: str) -> LedgerError:
    return LedgerError.of(
        "TASKLEDGER_HANDLERS_INVALID",
        expected=f"{function} to be a function",
        found=found,
        remedy="Correct the function in the manifest, or define it",
    )
