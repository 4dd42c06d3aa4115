import math
import unittest
from collections import OrderedDict
from datetime import datetime
from decimal import Decimal

from taskledger import LedgerError
from taskledger.payload import MAX_PAYLOAD_BYTES, encode_payload


class Payload(unittest.TestCase):
    def refused(self, value, path, problem):
        with self.assertRaises(LedgerError) as caught:
            encode_payload(value, "input")
        self.assertEqual(caught.exception.details["issues"], [{"path": path, "problem": problem}])
        return caught.exception

    def test_plain_json_is_written_as_it_is(self):
        value = OrderedDict(a=[1, 1.5, True, None, ("ü\u2028", "😀")], b={})
        self.assertEqual(encode_payload(value, "input"), '{"a":[1,1.5,true,null,["ü\u2028","😀"]],"b":{}}')

    def test_what_would_be_read_back_as_something_else_is_refused_with_its_place(self):
        beyond = "is a number beyond ±(2^53 − 1)"
        self.refused({"lines": [0, {"amount": Decimal("1.10")}]}, "$.lines[1].amount", "is a Decimal, not plain JSON")
        self.refused([2**53], "$[0]", beyond)
        self.refused(-(2**53), "$", beyond)
        self.refused(1e300, "$", beyond)
        self.refused(math.nan, "$", "is nan")
        self.refused(-math.inf, "$", "is -inf")
        self.refused({"a": "\0"}, "$.a", "contains NUL")
        self.refused({"\ud800": 1}, "$", "has a key that contains a lone surrogate")
        self.refused({1: 1}, "$", "has a key that is no text but a int")
        self.refused(datetime(2026, 1, 1), "$", "is a datetime, not plain JSON")
        self.refused(b"x", "$", "is a bytes, not plain JSON")
        self.assertEqual(encode_payload(2**53 - 1, "input"), "9007199254740991")

    def test_cycles_depth_and_size_have_an_end(self):
        cycle = []
        cycle.append(cycle)
        self.refused(cycle, "$[0]", "refers back to what contains it")
        deep = 0
        for _ in range(64):
            deep = [deep]
        self.assertEqual(encode_payload(deep, "input"), "[" * 64 + "0" + "]" * 64)
        self.refused([deep], "$" + "[0]" * 64, "is nested more than 64 deep")
        encode_payload("x" * (MAX_PAYLOAD_BYTES - 2), "input")
        with self.assertRaises(LedgerError) as caught:
            encode_payload("ü" * (MAX_PAYLOAD_BYTES // 2), "input")
        self.assertEqual(caught.exception.code, "TASKLEDGER_LIMIT_EXCEEDED")
