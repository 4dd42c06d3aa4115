import unittest
from datetime import datetime, timedelta

from taskledger import LedgerError, Log, RetryAfter, RetryAt, Task, TaskAborted
from taskledger.child.reports import Reports
from taskledger.child.told_error import failure_of


class Tasks(unittest.TestCase):
    def test_a_handler_can_be_tried_without_a_runner(self):
        told = []
        task = Task({"payoutId": "p1"}, report=told.append)
        task.progress(0.5, "half")
        task.progress(checkpoint=None)
        self.assertEqual(told, [{"fraction": 0.5, "message": "half"}, {"checkpoint": None}])
        task.raise_if_aborted()
        self.assertFalse(task.aborted)
        task.aborted.reason = "timeout"
        task.aborted.set()
        self.assertTrue(task.aborted)
        with self.assertRaisesRegex(TaskAborted, "told: timeout"):
            task.raise_if_aborted()

    def test_delays_have_their_unit(self):
        self.assertEqual(RetryAfter("1.5h").delay_ms, 5_400_000)
        self.assertEqual(RetryAfter(timedelta(seconds=2)).delay_ms, 2000)
        for wrong in (5, "5", "5 s", "-5s", timedelta(seconds=-1), None):
            with self.assertRaises(LedgerError):
                RetryAfter(wrong)
        with self.assertRaises(LedgerError):
            RetryAt(datetime(2026, 1, 1))


class Logs(unittest.TestCase):
    def test_a_log_never_raises_and_its_lines_are_bounded(self):
        class Odd:
            def __str__(self):
                raise ValueError

        told = []
        log = Log(told.append)
        log.info(Odd(), odd=Odd())
        log.warning("ü" * 2000)
        log.error("\ud800", text="\ud800")
        for record in told:
            self.assertLessEqual(len(record["message"].encode()), 1100)
        self.assertEqual([record["level"] for record in told], ["info", "warn", "error"])


class ReportsOfAnAttempt(unittest.TestCase):
    def test_the_first_goes_at_once_and_then_the_latest(self):
        told = []
        reports = Reports(told.append)
        for page in range(1000):
            reports.report({"message": str(page)})
        self.assertEqual(told[0], {"kind": "progress", "message": "0"})
        self.assertLess(len(told), 100)
        reports.close()
        reports.report({"message": "late"})
        self.assertNotIn({"kind": "progress", "message": "late"}, told)

    def test_a_checkpoint_returns_when_it_has_been_recorded(self):
        told = []

        def say(message):
            told.append(message)
            # Answered by another thread, as a runner does.
            import threading

            threading.Timer(0.01, reports.recorded, [message["id"]]).start()

        reports = Reports(say)
        reports.report({"checkpoint": {"page": 1}})
        self.assertEqual(told, [{"kind": "progress", "id": 1, "checkpoint": {"page": 1}}])


class Failures(unittest.TestCase):
    def test_whatever_is_raised_can_be_told(self):
        class Odd(Exception):
            def __str__(self):
                raise ValueError

        for odd in (Odd(), Exception("\ud800\0"), Exception("x" * 10_000), BaseException()):
            error = failure_of(odd)["error"]
            for text in (error["message"], error["stack"]):
                self.assertLessEqual(len(text), 4000)
                self.assertEqual(text.encode().decode(), text)
                self.assertNotIn("\0", text)

    def test_causes_have_an_end(self):
        error = Exception("0")
        for number in range(1, 10):
            error, error.__cause__ = Exception(str(number)), error
        depth, told = 0, failure_of(error)["error"]
        while "cause" in told:
            depth, told = depth + 1, told["cause"]
        self.assertEqual(depth, 3)
