"""The behaviours of behaviours.mjs, in Python: run by the tests of executions, in a child process."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from datetime import datetime, timedelta, timezone
from decimal import Decimal

import taskledger.child.channel
from taskledger import FatalError, RetryAfter, RetryAt

here = threading.local()


class RangeError(Exception):
    pass


def tells(task):
    assert (task.lease.epoch, task.lease.version) == tuple(task.lease)[:2]
    return {
        "input": task.input,
        "attempt": task.attempt,
        "lease": task.lease._asdict(),
        "checkpoint": task.checkpoint,
        "taskId": task.id,
        "name": task.name,
        "runAt": task.run_at.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
    }


def nothing(_task):
    return None


def throws(_task):
    raise TypeError("no luck") from RangeError("too far")


async def fatal(_task):
    await asyncio.sleep(0)
    raise FatalError("never")


def later(_task):
    raise RetryAfter("10m")


def then(_task):
    raise RetryAt(datetime.now(timezone.utc) + timedelta(hours=1))


def unstorable(task):
    return {
        None: Decimal("1.10"),
        "nan": float("nan"),
        "huge": 2**53,
        "surrogate": "\ud800",
        "moment": datetime.now(timezone.utc),
        "set": {1},
        "deep": nested(100),
    }.get(task.input)


def nested(depth):
    return [nested(depth - 1)] if depth > 0 else []


def saves(task):
    task.progress(0.5, "half")
    task.progress(checkpoint={"page": 7})
    return "saved"


def obeys(task):
    task.progress(message="began")
    task.aborted.wait()
    task.raise_if_aborted()


def finishes(task):
    task.progress(message="began")
    while not task.aborted:
        task.aborted.wait(10)
    return "in time"


def exits(task):
    sys.exit(task.input)


def dies(_task):
    os.kill(os.getpid(), signal.SIGKILL)


def interrupted(_task):
    raise KeyboardInterrupt


def full(_task):
    raise MemoryError


def prints(task):
    for line in task.input:
        print(line)
    print("to stderr", file=sys.stderr)
    return "printed"


def logs(task):
    log = task.log
    log.debug("by the way", page=7, of={"all": "ü"})
    log.warning("two\nlines")
    for i in range(task.input):
        log.info(f"line {i}")
    try:
        raise TypeError("no luck")
    except TypeError as error:
        log.error(error)
    log.info("strange", what={1})
    log.info("large", text="x" * 2000)
    log.info("y" * 5000)
    return "logged"


def prints_strangely(_task):
    print("unfinished \ud800", end="")


def writes(task):
    left = task.input.encode()
    while left:
        left = left[os.write(3, left) :]
    return "written"


def endless(_task):
    while True:
        os.write(3, b"x" * 65_536)


def twice(_task):
    once = taskledger.child.channel.Channel.say

    def said(channel, nonce, message):
        once(channel, nonce, message)
        once(channel, nonce, message)

    taskledger.child.channel.Channel.say = said
    return "twice"


def ignores(task):
    if task.input == "SIGTERM":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    task.progress(message="began")
    threading.Event().wait()


def too_late(task):
    def raised(*_told):
        raise TimeoutError

    signal.signal(signal.SIGTERM, raised)
    task.progress(message="began")
    try:
        threading.Event().wait()
    except TimeoutError:
        return "too late"


def environment(_task):
    mode = os.stat(".").st_mode & 0o777
    return {"env": dict(os.environ), "cwd": os.getcwd(), "mode": mode}


def leaves(task):
    left = subprocess.Popen(["sleep", "1000"], start_new_session=True)
    with open(task.input, "a", encoding="utf-8") as effects:
        effects.write(f"{left.pid} {os.getcwd()}\n")
    return "left it"


def burns(task):
    until = time.process_time() + task.input / 1000
    while time.process_time() < until:
        pass
    return {"pid": os.getpid()}


def is_itself(_task):
    import tempfile

    return {"pid": os.getpid(), "cwd": os.getcwd(), "tmpdir": tempfile.gettempdir()}


def forks(task):
    """The copy goes on as if it were the attempt; it must not be heard."""
    pid = os.fork()
    if pid == 0:
        task.progress(message="from the copy")
        if task.input == "raises":
            raise TypeError("from the copy")
        if task.input == "exits":
            sys.exit(0)
        return "from the copy"
    return {"status": os.waitpid(pid, 0)[1]}


def leaves_a_thread(_task):
    threading.Thread(target=threading.Event().wait, name="left").start()
    return {"pid": os.getpid()}


def reports_nonsense(task):
    task.progress(float("nan"), "still heard")
    task.progress(checkpoint=Decimal(1))
    task.progress(fraction="half")
    return "done"
