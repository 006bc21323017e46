"""The browser app: two tabs, one desk that takes the long jobs, one folder for everything temporary."""

import os
from dataclasses import dataclass

import gradio as gr

from cxanim.errors import Busy
from cxanim.limits import Limits
from cxanim.ui import animate_tab, studio_tab, style
from cxanim.ui.examples import PHOTOGRAPH_CREDIT, make_examples
from cxanim.ui.feedback import visitor_of
from cxanim.ui.jobs import Desk
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
            ValueError: the port is not a number.
        """
        everybody = "0.0.0.0" if os.environ.get("SPACE_ID") else cls.host  # noqa: S104 - a Space is a public page
        host = os.environ.get("HOST") or os.environ.get("GRADIO_SERVER_NAME") or everybody
        port = os.environ.get("PORT") or os.environ.get("GRADIO_SERVER_PORT") or str(cls.port)
        if not port.isdecimal() or not 0 < int(port) < 65536:
            raise ValueError(f"PORT: got {port!r}, expected a number from 1 to 65535")
        return cls(host, int(port))


def build_app(workspace: Workspace | None = None, desk: Desk | None = None) -> gr.Blocks:
    """Build the page.

    Args:
        workspace: where everything temporary lies; from the environment if None.
        desk: who takes the long jobs; a new one if None.
    """
    workspace, desk = workspace or Workspace.from_environment(), desk or Desk()
    workspace.clean()
    examples = make_examples(workspace.examples)
    with gr.Blocks(title="cxanim", analytics_enabled=False, delete_cache=(_CLEAN_EVERY_S, _KEEP_UPLOADS_S)) as page:
        style.header()
        with gr.Tabs():
            with gr.Tab("Animate a photo", id="animate"):
                animate_tab.build(desk, workspace, examples)
            with gr.Tab("Puppet studio", id="studio"):
                studio_tab.build(desk, workspace, examples)
        gr.HTML(f'<p class="credit">Example photo: {PHOTOGRAPH_CREDIT}. The character is drawn by this program.</p>')

        def leave(request: gr.Request) -> None:
            desk.stop(visitor_of(request))
            workspace.forget(visitor_of(request))

        page.unload(leave)
    return page


def launch(host: str | None = None, port: int | None = None, share: bool = False) -> None:
    """Open the app and serve it until it is ended.

    Args:
        host, port: where to listen; from the environment if None.
        share: also lend it a public address for a while, through Gradio's own service.

    Raises:
        Busy: the port is taken.
    """
    address, limits = Address.from_environment(), Limits.from_environment()
    host, port = host or address.host, port or address.port
    page = build_app()
    try:
        page.launch(
            server_name=host,
            server_port=port,
            share=share,
            theme=style.theme(),
            css=style.CSS,
            footer_links=["api", "settings"],
            max_file_size=f"{round(max(limits.image_mb, limits.video_mb))}mb",
            ssr_mode=False,
        )
    except OSError as error:
        if "port" not in str(error):
            raise
        raise Busy(f"Port {port} is taken by another program.", f"Choose another, {port + 1} say.") from error
