"""Submitting from Python: in the transaction of a cursor you already have."""

from __future__ import annotations

import inspect
from collections.abc import Mapping as MappingType
from datetime import datetime
from typing import Any, Mapping, NamedTuple, NoReturn, Optional

from .errors import LedgerError
from .payload import encode_payload

_statement = (
    "select id::text as id, site, seq, created from taskledger.submit("
    "name => %s::text, input => %s::json, options => %s::json)"
)

#: SQLSTATEs of the ledger's functions, and the codes they carry everywhere else.
sql_states: Mapping[str, str] = {
    "TL001": "TASKLEDGER_INVALID_INPUT",
    "TL002": "TASKLEDGER_INVALID_OPTION",
    "TL003": "TASKLEDGER_INVALID_TASK_NAME",
    "TL004": "TASKLEDGER_LIMIT_EXCEEDED",
    "TL005": "TASKLEDGER_KEY_CONFLICT",
    "TL006": "TASKLEDGER_NOT_OWNER",
    "TL007": "TASKLEDGER_APPEND_ONLY",
    "TL009": "TASKLEDGER_NOT_MIGRATED",
    "TL010": "TASKLEDGER_NOT_FOUND",
    "TL011": "TASKLEDGER_WRONG_STATE",
    "TL012": "TASKLEDGER_PROTECTED_NEEDS_ONE_SITE",
    "TL013": "TASKLEDGER_ID_TAKEN",
    "TL014": "TASKLEDGER_SECRET_USED",
    "TL020": "TASKLEDGER_SITE_KEY_UNKNOWN",
    "TL021": "TASKLEDGER_SEAL_CONFLICT",
    "TL030": "TASKLEDGER_REALM_BUSY",
    "TL040": "TASKLEDGER_BLOCK_INCOMPLETE",
    "TL041": "TASKLEDGER_PROJECTION_IN_USE",
    "TL042": "TASKLEDGER_REBUILD_RUNNING",
    "TL050": "TASKLEDGER_NOT_A_PEER",
    "TL051": "TASKLEDGER_UNKNOWN_SITE",
    "TL052": "TASKLEDGER_NOT_RECOVERING",
    "TL053": "TASKLEDGER_BLOCK_UNKNOWN",
}


class Submitted(NamedTuple):
    """`seq` is the position in the site's stream; `created` is False when the key was known: `id` is then the first task's."""

    id: str
    site: str
    seq: int
    created: bool


def submit(
    cursor: Any,
    name: str,
    input: Any = None,
    *,
    key: Optional[str] = None,
    queue: Optional[str] = None,
    group: Optional[str] = None,
    priority: Optional[int] = None,
    start_after: Optional[datetime] = None,
    start_before: Optional[datetime] = None,
    deadline: Optional[datetime] = None,
    retry: Optional[Mapping[str, Any]] = None,
    timeout_ms: Optional[int] = None,
    protected: Optional[bool] = None,
    plugin: Optional[str] = None,
    realm: Optional[str] = None,
    context: Optional[Mapping[str, str]] = None,
) -> Submitted:
    """Records a task in the transaction of `cursor` (psycopg 3, psycopg2 or Django): it exists if and only if that commits.

    With `key`, submitting twice is the same as once. The options are those of the SQL function taskledger.submit(). A refusal
    is a LedgerError with the ledger's code; what the driver itself raises is not touched. Either way PostgreSQL has given the
    transaction up: roll it back.
    """
    options = {
        "key": key,
        "queue": queue,
        "group": group,
        "priority": priority,
        "start_after": _moment("start_after", start_after),
        "start_before": _moment("start_before", start_before),
        "deadline": _moment("deadline", deadline),
        "retry": retry if retry is None else dict(retry),
        "timeout_ms": timeout_ms,
        "protected": protected,
        "plugin": plugin,
        "realm": realm,
        "context": context if context is None else dict(context),
    }
    given = {option: value for option, value in options.items() if value is not None}
    texts = (name, encode_payload(input, f"input of {name}"), encode_payload(given, "options"))
    try:
        executed = cursor.execute(_statement, texts)
    except Exception as error:
        _raise_as_ours(error)
    _require_done(executed)
    row = cursor.fetchone()
    return Submitted(
        id=_column(row, 0, "id"),
        site=_column(row, 1, "site"),
        seq=_column(row, 2, "seq"),
        created=_column(row, 3, "created"),
    )


def _moment(option: str, at: Optional[datetime]) -> Optional[str]:
    if at is None:
        return None
    if isinstance(at, datetime) and at.tzinfo is not None:
        return at.isoformat()
    raise LedgerError.of(
        "TASKLEDGER_INVALID_OPTION",
        expected=f"option {option} to be a datetime with its time zone",
        found="one without" if isinstance(at, datetime) else f"a {type(at).__name__}",
        remedy="Correct it and submit again; nothing of this call was recorded",
    )


def _raise_as_ours(error: Exception) -> NoReturn:
    # Django wraps the driver's error, which is the one that knows its SQLSTATE.
    for one in (error, error.__cause__):
        state = getattr(one, "sqlstate", None) or getattr(one, "pgcode", None)
        if state in sql_states:
            message = getattr(getattr(one, "diag", None), "message_primary", None) or str(one)
            raise LedgerError(sql_states[state], message) from error
    raise error


def _require_done(executed: Any) -> None:
    if not inspect.isawaitable(executed):
        return
    if inspect.iscoroutine(executed):
        executed.close()
    raise LedgerError.of(
        "TASKLEDGER_INVALID_OPTION",
        expected="a cursor whose execute() is done when it returns",
        found="an asynchronous one",
        remedy="Execute taskledger.submit() there yourself: select * from taskledger.submit(name => …, input => …)",
    )


def _column(row: Any, index: int, name: str) -> Any:
    """Of a tuple, or whatever else the cursor was told to make of its rows."""
    if isinstance(row, MappingType):
        return row[name]
    return row[index] if hasattr(row, "__getitem__") else getattr(row, name)
