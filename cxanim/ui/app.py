"""The browser app: its tabs, one desk that takes the long jobs, one folder for everything temporary."""

import errno
import os
import signal
import socket
from dataclasses import dataclass
from ipaddress import ip_address

import gradio as gr

from cxanim.errors import BadSetting, Busy
from cxanim.limits import Limits
from cxanim.pipelines.machine import Machine
from cxanim.ui import (
    animate_tab,
    domain_tab,
    editor_tab,
    enhance_tab,
    gpu,
    live_route,
    live_tab,
    studio_tab,
    style,
    style_tab,
)
from cxanim.ui.examples import PHOTOGRAPH_CREDIT, make_examples
from cxanim.ui.feedback import visitor_of
from cxanim.ui.jobs import Desk
from cxanim.ui.live_stages import Stages
from cxanim.ui.workspace import Workspace

_CLEAN_EVERY_S, _KEEP_UPLOADS_S = 3600, 6 * 3600


@dataclass(frozen=True)
class Address:
    """Where the app listens.

    Attributes:
        host: this machine only, unless the environment says otherwise.
        port: its port.
    """

    host: str = "127.0.0.1"
    port: int = 7860

    @classmethod
    def from_environment(cls) -> "Address":
        """Read `HOST` and `PORT`, or Gradio's own variables; a Space listens to everybody.

        Raises:
            BadSetting: the port is not a number.
        """
        everybody = "0.0.0.0" if os.environ.get("SPACE_ID") else cls.host  # noqa: S104 - a Space is a public page
        host = _address(os.environ.get("HOST", "")) or os.environ.get("GRADIO_SERVER_NAME") or everybody
        port = os.environ.get("PORT") or os.environ.get("GRADIO_SERVER_PORT") or str(cls.port)
        if not port.isdecimal():
            raise BadSetting(f"PORT: got {port!r}, expected a number.")
        return cls(host, int(port))

    def ensure_free(self) -> None:
        """Make sure that somebody can listen there.

        Raises:
            BadSetting: there is no such host or port on this machine.
            Busy: the port is taken.
        """
        if not 0 < self.port < 65536:
            raise BadSetting(f"port: got {self.port}, expected 1 to 65535.")
        try:
            with socket.create_server((self.host, self.port)):
                return
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                problem = f"Port {self.port} is taken by another program, or not yours to use."
                raise Busy(problem, f"Choose another, {max(self.port, 1023) + 1} say.") from error
            raise BadSetting(f"host: {self.host!r} is no address of this machine.", "Use 127.0.0.1.") from error


def _address(text: str) -> str:
    """A host that somebody chose. Some shells and compilers export a HOST of their own, which is not an address."""
    try:
        return "127.0.0.1" if text == "localhost" else str(ip_address(text))
    except ValueError:
        return ""


def build_app(workspace: Workspace | None = None, desk: Desk | None = None, stages: Stages | None = None) -> gr.Blocks:
    """Build the page.

    Args:
        workspace: where everything temporary lies; from the environment if None.
        desk: who takes the long jobs; a new one if None.
        stages: where live puppets are; a new one if None.
    """
    workspace, desk = workspace or Workspace.from_environment(), desk or Desk()
    stages = stages or Stages(lambda: gpu.machine_for(desk.machine, training=False).torch_device)
    examples = make_examples(workspace.examples)
    with gr.Blocks(title="cxanim", analytics_enabled=False, delete_cache=(_CLEAN_EVERY_S, _KEEP_UPLOADS_S)) as page:
        style.header()
        with gr.Tabs(overflow_behavior="wrap") as tabs:
            with gr.Tab("Animate a photo", id="animate"):
                offsets = animate_tab.build(desk, workspace, examples)
            with gr.Tab("Expression editor", id="editor"):
                editors = editor_tab.build(desk, workspace, examples, offsets, tabs)
            with gr.Tab("Puppet studio", id="studio"):
                studio_tab.build(desk, workspace, examples)
            with gr.Tab("Live", id="live"):
                live_tab.build(stages, workspace, examples)
            with gr.Tab("Style", id="style"):
                style_tab.build(desk, workspace, examples)
            with gr.Tab("Domains", id="domains"):
                domain_tab.build(desk, workspace)
            with gr.Tab("Enhance", id="enhance"):
                enhance_tab.build(desk, workspace)
        gr.HTML(f'<p class="credit">Example photo: {PHOTOGRAPH_CREDIT}. The character is drawn by this program.</p>')

        def leave(request: gr.Request) -> None:
            desk.stop(visitor_of(request))
            workspace.forget(visitor_of(request))
            editors.forget(visitor_of(request))
            stages.forget(visitor_of(request))

        page.unload(leave)
    return page


def launch(
    host: str | None = None, port: int | None = None, share: bool = False, machine: Machine | None = None
) -> None:
    """Open the app and serve it until it is ended.

    Args:
        host, port: where to listen; from the environment if None.
        share: also lend it a public address for a while, through Gradio's own service.
        machine: where to compute.

    Raises:
        BadSetting, Busy: it cannot listen there.
    """
    address, limits = Address.from_environment(), Limits.from_environment()
    address = Address(host or address.host, address.port if port is None else port)
    address.ensure_free()
    desk = Desk(machine=machine)
    desk.machine.prepare()
    workspace = Workspace.from_environment()
    stages = Stages(lambda: gpu.machine_for(desk.machine, training=False).torch_device)
    page = build_app(workspace, desk, stages)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # how a container is ended: leave as after Ctrl-C
    try:
        app, _, _ = page.launch(
            prevent_thread_lock=True,
            server_name=address.host,
            server_port=address.port,
            share=share,
            theme=style.theme(),
            css=style.CSS,
            footer_links=["api", "settings"],
            max_file_size=f"{round(max(limits.image_mb, limits.video_mb))}mb",
            ssr_mode=False,
        )
        page.server.config.ws_per_message_deflate = False  # JPEGs are pressed, and raw frames cost less to carry
        live_route.mount(app, stages)
        page.block_thread()
    finally:
        workspace.close()
