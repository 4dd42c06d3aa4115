"""Handlers in Python for taskledger, and submitting tasks inside your own database transaction.

    from taskledger import FatalError, Task

    def settle(task: Task[dict]) -> dict:
        task.progress(message="settling " + task.input["payoutId"])
        return {"settled": True}
"""

from .errors import FatalError, LedgerError, RetryAfter, RetryAt, TaskAborted
from .log import Log
from .submission import Submitted, submit
from .task import Aborted, Lease, Task

__all__ = [
    "Aborted",
    "FatalError",
    "Lease",
    "LedgerError",
    "Log",
    "RetryAfter",
    "RetryAt",
    "Submitted",
    "Task",
    "TaskAborted",
    "submit",
]
