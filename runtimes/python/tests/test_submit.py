import json
import unittest
from collections import namedtuple
from datetime import datetime, timezone
from types import SimpleNamespace

from taskledger import LedgerError, Submitted, submit

answer = ("0198f2c4-0000-7000-8000-000000000000", "ams", 7, True)


class Cursor:
    """As much of a cursor as submit() needs."""

    def __init__(self, row=answer, error=None):
        self.row, self.error, self.executed = row, error, None

    def execute(self, statement, values):
        self.executed = (statement, values)
        if self.error is not None:
            raise self.error

    def fetchone(self):
        return self.row


class Submit(unittest.TestCase):
    def test_the_task_goes_through_the_cursor_that_is_given(self):
        cursor = Cursor()
        at = datetime(2026, 1, 31, 8, tzinfo=timezone.utc)
        submitted = submit(cursor, "payouts.settle", {"payoutId": "pü"}, key="p1", start_after=at, priority=0)
        self.assertEqual(submitted, Submitted(*answer))
        statement, (name, input, options) = cursor.executed
        self.assertIn("taskledger.submit(", statement)
        self.assertEqual((name, input), ("payouts.settle", '{"payoutId":"pü"}'))
        self.assertEqual(json.loads(options), {"key": "p1", "start_after": at.isoformat(), "priority": 0})

    def test_rows_of_every_make_are_read(self):
        names = ("id", "site", "seq", "created")
        rows = [dict(zip(names, answer)), namedtuple("Row", names)(*answer), SimpleNamespace(**dict(zip(names, answer)))]
        for row in rows:
            self.assertEqual(submit(Cursor(row), "a"), Submitted(*answer))

    def test_nothing_is_sent_of_an_input_that_cannot_be_stored_or_a_time_without_its_zone(self):
        for wrong in ({"input": float("nan")}, {"start_after": datetime(2026, 1, 1)}, {"deadline": "tomorrow"}):
            cursor = Cursor()
            with self.assertRaises(LedgerError):
                submit(cursor, "a", **wrong)
            self.assertIsNone(cursor.executed)

    def test_a_refusal_of_the_ledger_has_its_code_whatever_the_driver_calls_it(self):
        psycopg3, psycopg2, django = Exception("conflict"), Exception("conflict"), Exception("wrapped")
        psycopg3.sqlstate = psycopg2.pgcode = "TL005"
        django.__cause__ = psycopg2
        for error in (psycopg3, psycopg2, django):
            with self.assertRaises(LedgerError) as caught:
                submit(Cursor(error=error), "a")
            self.assertEqual((caught.exception.code, str(caught.exception)), ("TASKLEDGER_KEY_CONFLICT", "conflict"))

    def test_other_errors_are_the_drivers_own(self):
        error = ConnectionError("gone")
        with self.assertRaises(ConnectionError) as caught:
            submit(Cursor(error=error), "a")
        self.assertIs(caught.exception, error)

    def test_an_asynchronous_cursor_is_refused(self):
        class Asynchronous(Cursor):
            async def execute(self, statement, values):
                raise AssertionError

        with self.assertRaisesRegex(LedgerError, "asynchronous"):
            submit(Asynchronous(), "a")
