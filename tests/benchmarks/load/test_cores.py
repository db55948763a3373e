"""Which cores client and server run on."""

import os
import subprocess
import sys

import pytest

from benchmarks.load.cores import parse_cores, pin
from gateway.client.errors import ClientError

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="pinning is for Linux")


@pytest.mark.parametrize("text", ["", "x", "0,", "1-", "-1", "0-x"])
def test_what_is_no_list_of_cores_is_told(text):
    with pytest.raises(ClientError, match=r"--client-cores .*is no list of cores"):
        parse_cores(text, "--client-cores")


def test_cores_that_are_not_there_are_told():
    with pytest.raises(ClientError, match="names cores that cannot be used; there are"):
        parse_cores("0-100000", "--client-cores")
    first = min(os.sched_getaffinity(0))
    assert parse_cores(f"{first},{first}-{first}", "--client-cores") == {first}


def test_a_process_is_kept_on_its_cores():
    first = min(os.sched_getaffinity(0))
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        pin(process.pid, {first})
        assert os.sched_getaffinity(process.pid) == {first}
        process.communicate(b"\n")
    with pytest.raises(ClientError, match="cannot pin process"):
        pin(process.pid, {first})
