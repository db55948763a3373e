"""Processor time by thread."""

import os
import sys
import threading
import time

import pytest

from benchmarks.load.threads import thread_seconds

linux = pytest.mark.skipif(sys.platform != "linux", reason="proc(5)")


@linux
def test_each_thread_has_its_own_time():
    stop = threading.Event()
    busy = threading.Thread(target=lambda: [None for _ in iter(stop.is_set, True)])
    idle = threading.Thread(target=stop.wait)
    before = thread_seconds(os.getpid())
    busy.start()
    idle.start()
    begin = time.process_time()
    while time.process_time() - begin < 0.2:
        time.sleep(0.01)
    after = thread_seconds(os.getpid())
    stop.set()
    for thread in (busy, idle):
        thread.join()
    assert os.getpid() in before
    assert after[busy.native_id] > 0.05 > after[idle.native_id]


def test_a_process_that_is_gone_has_no_threads():
    assert thread_seconds(2**22 + 1) == {}
