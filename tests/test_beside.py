"""Work beside other work: one piece at a time, the newest outcome, errors where they are asked for."""

import os
import sys
import threading

import pytest

from cxanim.pipelines.beside import Beside


def test_the_newest_outcome_is_there_once_it_is():
    beside, go = Beside(), threading.Event()
    assert beside.is_free() and beside.newest is None
    beside.begin(lambda: go.wait(20) and "one")
    assert not beside.is_free() and beside.newest is None
    with pytest.raises(ValueError, match="one at a time"):
        beside.begin(lambda: "two")
    go.set()
    beside.wait()
    assert beside.is_free() and beside.newest == "one"
    beside.begin(lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        beside.wait()
    assert beside.is_free() and beside.newest == "one"
    beside.close()
    beside.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("cxanim-beside")]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a process has one priority for all its threads")
def test_what_is_made_there_steps_back_too():
    beside = Beside()

    def priority() -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    def in_a_thread_of_its_own() -> int:
        found: list[int] = []
        thread = threading.Thread(target=lambda: found.append(priority()))
        thread.start()
        thread.join()
        return found[0]

    own = priority()
    assert beside.make(in_a_thread_of_its_own) == min(19, own + 5) and priority() == own
    beside.close()
