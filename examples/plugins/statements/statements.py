"""A settlement report out of a file of transactions, one a line: id,merchant,currency,amount."""

from __future__ import annotations

import csv
import os
from decimal import Decimal, InvalidOperation
from typing import Iterator, TypedDict

from taskledger import FatalError, Task

columns = "id,merchant,currency,amount"
rows_per_progress = 2_000
rows_per_checkpoint = 100_000


class SettleInput(TypedDict):
    transactions: str
    report: str


class SettleOutput(TypedDict):
    report: str
    transactions: int
    accounts: int


def settle(task: Task[SettleInput]) -> SettleOutput:
    """Adds up what each merchant gets in each currency. A later attempt goes on where the last checkpoint was."""
    source, report = task.input["transactions"], task.input["report"]
    saved = task.checkpoint or {"offset": 0, "rows": 0, "totals": {}}
    # Amounts are exact only as text or Decimal, and JSON has no Decimal.
    totals = {account: Decimal(total) for account, total in saved["totals"].items()}
    rows, size = saved["rows"], os.path.getsize(source)
    for offset, (merchant, currency, amount) in transactions(source, saved["offset"], rows):
        account = f"{currency} {merchant}"
        totals[account] = totals.get(account, Decimal(0)) + amount
        rows += 1
        if rows % rows_per_progress != 0:
            continue
        task.raise_if_aborted()
        if rows % rows_per_checkpoint != 0:
            task.progress(offset / size, f"{rows} transactions")
            continue
        texts = {account: str(total) for account, total in totals.items()}
        task.progress(offset / size, f"{rows} transactions", checkpoint={"offset": offset, "rows": rows, "totals": texts})
    write_report(report, totals)
    task.log.info("report written", transactions=rows, lease=f"{task.lease.epoch}.{task.lease.version}")
    return {"report": report, "transactions": rows, "accounts": len(totals)}


def largest(task: Task[SettleInput]) -> dict:
    """The ten largest amounts, by way of holding all of them: a task that needs a limit."""
    everything = [(amount, line) for line, (_, _, amount) in transactions(task.input["transactions"], 0, 0)]
    everything.sort(reverse=True)
    return {"largest": [str(amount) for amount, _ in everything[:10]]}


def transactions(source: str, offset: int, rows: int) -> Iterator[tuple[int, tuple[str, str, Decimal]]]:
    """Each transaction with the place in the file behind it."""
    with open(source, "rb") as lines:
        if lines.readline().rstrip() != columns.encode():
            raise FatalError(f"{source} does not begin with {columns}")
        lines.seek(max(offset, lines.tell()))
        for line in iter(lines.readline, b""):
            rows += 1
            try:
                [[_, merchant, currency, amount]] = csv.reader([line.decode()])
                yield lines.tell(), (merchant, currency, Decimal(amount))
            except (ValueError, InvalidOperation) as error:
                # Trying again would not mend the file.
                raise FatalError(f"transaction {rows} of {source} is not {columns}") from error


def write_report(report: str, totals: dict[str, Decimal]) -> None:
    """Under its name it is either whole or not there."""
    unfinished = f"{report}.part"
    with open(unfinished, "w", encoding="utf-8", newline="") as out:
        rows = csv.writer(out, lineterminator="\n")
        rows.writerow(["currency", "merchant", "total"])
        rows.writerows([*account.split(" ", 1), total] for account, total in sorted(totals.items()))
        out.flush()
        os.fsync(out.fileno())
    os.replace(unfinished, report)
