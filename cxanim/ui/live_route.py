"""The fast road of the Live tab: one WebSocket beside Gradio, on the same port, with pictures both ways as they are.

A page is let in by the ticket that it was given through Gradio, and so by whatever lets people into that. Beside it, it
may say how many frames a second its camera gives (`?ticket=...&fps=30`).

Convention: little-endian. A frame comes as its number (uint32, of those sent), the number of the newest answer that
was read (uint32), the page's clock in ms (float64) and its picture (see `live_frames.py`). It goes back with its
number, that clock, a mark (uint8: the state's place in `STATES`, and 128 more where it moves as a mirror would), the ms
of each of `STAGES` (float32) and a JPEG, which is empty where a newer frame took its place. Words to the person come as
JSON text.
"""

import asyncio
import json
import logging
import math
import struct
from contextlib import suppress
from typing import Any

import anyio
import anyio.to_thread
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from cxanim.errors import CxanimError
from cxanim.pipelines.live import CALIBRATING, FOLLOWING, FROZEN, WAITING
from cxanim.pipelines.live_loop import CameraFrame, LiveLoop, Shown
from cxanim.ui.live_stages import Stage, Stages

PATH = "/live"
STATES = ("", WAITING, CALIBRATING, FOLLOWING, FROZEN)
STAGES = ("decode", "follow", "warp", "refine", "encode")
FRAME, ANSWER = struct.Struct("<IId"), struct.Struct("<IdB5f")
MOST_FRAME_BYTES = 1 << 20
SILENT_S = 300.0  # a page that sends nothing for so long has been forgotten
_MIRRORED = 128
MOST_UNREAD = 8  # frames; a page that has not read the answer to one so far back is shown no more until it has
_NO_FRAME, _TOO_LARGE, _FAILED, _NOT_NOW = 1007, 1009, 1011, 1013
_log = logging.getLogger(__name__)


def mount(app: Any, stages: Stages) -> None:
    """Put the road on the app that Gradio serves."""

    async def live(websocket: WebSocket) -> None:
        await websocket.accept()
        try:
            stage = stages.take(websocket.query_params.get("ticket", ""))
        except CxanimError as error:
            await _refuse(websocket, error, _NOT_NOW)
            return
        await _Visit(websocket, stage, _rate(websocket.query_params.get("fps", ""))).last()

    app.router.routes.insert(0, WebSocketRoute(PATH, live))  # before Gradio's own, some of which take any path


class _Visit:
    """One connection, from its first frame to its last."""

    def __init__(self, websocket: WebSocket, stage: Stage, camera_fps: float):
        self._websocket, self._stage, self._fps = websocket, stage, camera_fps
        self._here = asyncio.get_running_loop()
        self._answers: asyncio.Queue[Shown | Exception] = asyncio.Queue(MOST_UNREAD)

    async def last(self) -> None:
        """Serve it until it ends."""
        try:
            live = await anyio.to_thread.run_sync(self._stage.connect, self._tell, self._tell, self._fps)
        except Exception as error:  # noqa: BLE001 - whatever it is, the person is told
            self._stage.is_taken = False
            await _refuse(self._websocket, error, _FAILED)
            return
        answering = asyncio.create_task(self._answer())
        try:
            await self._receive(live)
        finally:
            answering.cancel()
            with anyio.CancelScope(shield=True):  # a server that is ending must not leave the threads behind
                await anyio.to_thread.run_sync(self._stage.disconnect, live)

    def _tell(self, what: Shown | Exception) -> None:
        """Called from the threads of the loop."""
        with suppress(RuntimeError):  # the server is ending
            self._here.call_soon_threadsafe(self._leave, what)

    def _leave(self, what: Shown | Exception) -> None:
        # Who reads nothing misses the oldest.
        if self._answers.full():
            self._answers.get_nowait()
        self._answers.put_nowait(what)

    async def _receive(self, live: LiveLoop) -> None:
        offered = None
        while True:
            try:
                message = await asyncio.wait_for(self._websocket.receive(), SILENT_S)
            except asyncio.TimeoutError:
                error = CxanimError("No picture came from the camera for five minutes.", "Press Start to go on.")
                await _refuse(self._websocket, error, _NOT_NOW)
                return
            if message["type"] == "websocket.disconnect":
                return
            content = message.get("bytes") or b""
            number, read, time_ms = FRAME.unpack_from(content) if len(content) > FRAME.size else (0, 0, math.nan)
            if len(content) > MOST_FRAME_BYTES or not math.isfinite(time_ms):
                await _close(self._websocket, _TOO_LARGE if len(content) > MOST_FRAME_BYTES else _NO_FRAME)
                return
            if offered is None or offered - read < MOST_UNREAD:
                offered = number
                live.offer(CameraFrame(number, time_ms / 1000, content[FRAME.size :]))

    async def _answer(self) -> None:
        with suppress(WebSocketDisconnect, RuntimeError):
            while True:
                what = await self._answers.get()
                if isinstance(what, Exception):
                    await _refuse(self._websocket, what, _FAILED)
                    return
                await self._websocket.send_bytes(packed(what))


def packed(shown: Shown) -> bytes:
    """What became of a frame, as it travels."""
    stages_ms = (shown.stages_ms.get(name, 0.0) for name in STAGES)
    frame = shown.frame
    mark = STATES.index(shown.state) + _MIRRORED * shown.is_mirrored
    head = ANSWER.pack(frame.number, 1000 * frame.time_s, mark, *stages_ms)
    return head + (shown.picture or b"")


def _rate(said: str) -> float:
    """How many frames a second a page says that its camera gives; NaN where it says none."""
    try:
        return float(said)
    except ValueError:
        return math.nan


async def _refuse(websocket: WebSocket, error: Exception, code: int) -> None:
    """Say what is wrong, and close."""
    if isinstance(error, CxanimError):
        words = str(error)
    else:
        _log.error("a live puppet failed", exc_info=error)
        words = "Something went wrong inside the program. Press Start again; if it stays, the log says what happened."
    with suppress(WebSocketDisconnect, RuntimeError):
        await websocket.send_text(json.dumps({"problem": words}))
    await _close(websocket, code)


async def _close(websocket: WebSocket, code: int) -> None:
    with suppress(WebSocketDisconnect, RuntimeError):
        if websocket.application_state != WebSocketState.DISCONNECTED:
            await websocket.close(code)
