"""What is told of a live run while it still goes on."""

import threading
import time

import numpy as np
from test_live import wait_for

from cxanim.pipelines.live_loop import CameraFrame, Shown
from cxanim.pipelines.live_screen import Screen


def test_an_account_is_given_while_pictures_still_come():
    screen, ended = Screen(np.zeros((8, 8, 3), np.uint8)), threading.Event()
    stages_ms = {"warp": 2.0, "show": 4.0}
    shown = Shown(CameraFrame(0, time.monotonic(), None), np.zeros((8, 8, 3), np.uint8), stages_ms=stages_ms)

    def deliver() -> None:
        while not ended.is_set():
            screen.deliver(shown)

    thread = threading.Thread(target=deliver)
    thread.start()
    try:
        wait_for(lambda: len(screen._late_ms) > 1000)
        for _ in range(20):
            run = screen.account(None, 10, 30.0)
            assert run.stages_ms == stages_ms and run.shown > 0
    finally:
        ended.set()
        thread.join()
