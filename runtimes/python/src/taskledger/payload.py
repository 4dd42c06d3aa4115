"""JSON as the ledger stores it: what is read back equals what was given, or it is refused."""

from __future__ import annotations

import json
import math
from typing import Any, Optional

from .errors import LedgerError

MAX_PAYLOAD_BYTES = 1024 * 1024
MAX_PAYLOAD_DEPTH = 64
_max_faults = 20
_max_whole = 2**53 - 1


def encode_payload(value: Any, what: str) -> str:
    """The JSON text of a value. A LedgerError names each place that cannot be stored as `$.lines[3].amount`.

    Refused are numbers beyond ±(2^53 − 1), NaN and infinities, NUL and lone surrogates, keys that are no text, and whatever
    JSON has no word for: Decimal, datetime, bytes, set, objects. Say what is meant with str(), isoformat() and their like.
    """
    faults: list[tuple[str, str]] = []
    _inspect(value, "$", [], faults)
    if faults:
        raise _refusal(what, faults)
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    size = len(text.encode())
    if size > MAX_PAYLOAD_BYTES:
        raise _refusal(what, [("$", f"is {size} bytes of JSON, more than {MAX_PAYLOAD_BYTES}")], too_large=True)
    return text


def _inspect(value: Any, path: str, ancestors: list[int], faults: list[tuple[str, str]]) -> None:
    if not isinstance(value, (dict, list, tuple)):
        problem = _problem_of(value)
        if problem is not None:
            faults.append((path, problem))
        return
    if id(value) in ancestors:
        faults.append((path, "refers back to what contains it"))
    elif len(ancestors) >= MAX_PAYLOAD_DEPTH:
        faults.append((path, f"is nested more than {MAX_PAYLOAD_DEPTH} deep"))
    else:
        ancestors.append(id(value))
        _inspect_members(value, path, ancestors, faults)
        ancestors.pop()


def _inspect_members(value: Any, path: str, ancestors: list[int], faults: list[tuple[str, str]]) -> None:
    if not isinstance(value, dict):
        for index, member in enumerate(value):
            _inspect(member, f"{path}[{index}]", ancestors, faults)
        return
    for key, member in value.items():
        if not isinstance(key, str):
            faults.append((path, f"has a key that is no text but {_kind(key)}"))
            continue
        problem = _problem_of(key)
        if problem is not None:
            faults.append((path, f"has a key that {problem}"))
            continue
        _inspect(member, f"{path}.{key}", ancestors, faults)


def _problem_of(value: Any) -> Optional[str]:
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, str):
        if "\0" in value:
            return "contains NUL"
        return "contains a lone surrogate" if any("\ud800" <= unit <= "\udfff" for unit in value) else None
    if isinstance(value, (int, float)):
        if not math.isfinite(value):
            return f"is {value}"
        return "is a number beyond ±(2^53 − 1)" if abs(value) > _max_whole else None
    return f"is {_kind(value)}, not plain JSON"


def _kind(value: Any) -> str:
    return f"a {type(value).__name__}"


def _refusal(what: str, faults: list[tuple[str, str]], too_large: bool = False) -> LedgerError:
    shown = [f"{path} {problem}" for path, problem in faults[:_max_faults]]
    more = f" and {len(faults) - _max_faults} more" if len(faults) > _max_faults else ""
    return LedgerError.of(
        "TASKLEDGER_LIMIT_EXCEEDED" if too_large else "TASKLEDGER_INVALID_INPUT",
        expected=f"{what} to be JSON the ledger can store exactly",
        found="; ".join(shown) + more,
        remedy="Store the bulk elsewhere and pass a reference to it"
        if too_large
        else "Convert these places first, for example with str() or isoformat(), or leave the keys out",
        details={"issues": [{"path": path, "problem": problem} for path, problem in faults[:_max_faults]]},
    )
