"""The house: imports flow one way, heavy guests stay in their rooms, and doors say what is behind them."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import ROOT

# The rooms, and which of them each may import: leaves see the base and themselves, never a sibling.
FRONT = {"__main__", "cli", "commands", "distill", "experiments", "terminal", "ui"}
LEAVES = {"motion", "models", "losses", "video"}
BASE = {"checkpoint", "errors", "images", "input", "limits", "output", "progress", "settings", "torchvision_import"}
MAY_IMPORT = {
    "front": {"front", "pipelines", "base", *LEAVES},
    "pipelines": {"pipelines", "base", *LEAVES},
    "base": {"base"},
    **{leaf: {leaf, "base"} for leaf in LEAVES},
}
HOMES = {
    "gradio": "cxanim/ui/",
    "mediapipe": "cxanim/motion/mediapipe_door.py",
    "moviepy": "cxanim/video/",
    "imageio_ffmpeg": "cxanim/video/",
    "torchvision": "cxanim/torchvision_import.py",
}
NO_IDEA = {"utils", "util", "helpers", "helper", "common", "manager", "managers", "misc"}

MODULES = {path.relative_to(ROOT).as_posix(): path for path in sorted((ROOT / "cxanim").rglob("*.py"))}
MODULES["app.py"] = ROOT / "app.py"


def imported(source: str, path: str) -> Iterator[tuple[int, str]]:
    """Line and full name of everything that a module imports, anywhere in it, by statement or by `import_module`."""
    package = Path(path).parent.parts
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, name.name) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*above, *([node.module] if node.module else [])])
            yield from ((node.lineno, f"{module}.{name.name}") for name in node.names)
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in ("import_module", "__import__"):
                yield node.lineno, str(node.args[0].value)


def room(dotted: str) -> str | None:
    """The room of a name inside the package; None for what is outside, and for the package itself."""
    parts = dotted.split(".")
    if parts[0] != "cxanim" or len(parts) < 2:
        return None
    if parts[1] in FRONT:
        return "front"
    if parts[1] in LEAVES or parts[1] == "pipelines":
        return parts[1]
    return "base" if parts[1] in BASE else None


def home_room(path: str) -> str | None:
    """The room that a file of the project stands in."""
    return "front" if path == "app.py" else room(path.removesuffix(".py").replace("/", "."))


def broken_arrows(source: str, path: str) -> list[str]:
    """Imports of a module that run against the arrow, or take a guest from its home."""
    broken = []
    here = home_room(path)
    for line, name in imported(source, path):
        there = room(name)
        if here and there and there not in MAY_IMPORT[here]:
            broken.append(f"{path}:{line}: {here} imports {name}")
        home = HOMES.get(name.split(".")[0])
        if home and not path.startswith(home):
            broken.append(f"{path}:{line}: {name} belongs to {home}")
    return broken


@pytest.mark.parametrize("path", MODULES)
def test_imports_flow_one_way(path):
    assert broken_arrows(MODULES[path].read_text(encoding="utf-8"), path) == []


@pytest.mark.parametrize(
    ("path", "planted"),
    [
        ("cxanim/motion/warp.py", "from cxanim.losses import contextual_loss"),
        ("cxanim/models/crn.py", "import cxanim.motion.pose"),
        ("cxanim/losses/gram.py", "from ..models import CRN"),
        ("cxanim/video/read.py", "def read():\n    from cxanim.pipelines import fit"),
        ("cxanim/pipelines/fit.py", "from cxanim.ui import app"),
        ("cxanim/pipelines/fit.py", "from cxanim import cli"),
        ("cxanim/images.py", "from cxanim.motion.crop import Crop"),
        ("cxanim/settings.py", "from . import pipelines"),
        ("cxanim/motion/mesh.py", "import mediapipe as mp"),
        ("cxanim/pipelines/clip.py", "from moviepy import VideoFileClip"),
        ("cxanim/cli.py", "def app():\n    import gradio"),
        ("app.py", "import gradio as gr"),
        ("cxanim/losses/features.py", "from torchvision.models import vgg19"),
        ("cxanim/losses/features.py", "import importlib\nimportlib.import_module('torchvision')"),
    ],
)
def test_the_checker_catches_a_planted_violation(path, planted):
    assert len(broken_arrows(planted, path)) == 1


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("cxanim/pipelines/fit.py", "from cxanim.motion.pose import Pose\nfrom cxanim.losses import l1_loss"),
        ("cxanim/motion/warp.py", "from cxanim.motion.mesh import MeshMap\nfrom cxanim import __version__"),
        ("cxanim/video/write.py", "import moviepy"),
        ("app.py", "from cxanim.ui.app import launch"),
    ],
)
def test_the_checker_lets_the_rest_pass(path, allowed):
    assert broken_arrows(allowed, path) == []


def test_every_file_stands_in_a_room():
    homeless = [path for path in MODULES if path != "cxanim/__init__.py" and home_room(path) is None]
    assert homeless == [], "name its room in this file and in docs/architecture.md"


def test_no_file_is_named_after_nothing():
    assert [path for path in MODULES if Path(path).stem in NO_IDEA or Path(path).parent.name in NO_IDEA] == []


def public_doors(tree: ast.Module) -> Iterator[ast.AST]:
    """Public functions and classes of a module, and the public methods of those classes."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                yield from (
                    part for part in node.body if isinstance(part, ast.FunctionDef) and not part.name.startswith("_")
                )


@pytest.mark.parametrize("path", MODULES)
def test_every_public_door_says_what_is_behind_it(path):
    tree = ast.parse(MODULES[path].read_text(encoding="utf-8"))
    silent = [f"{path}:{door.lineno} {door.name}" for door in public_doors(tree) if not ast.get_docstring(door)]
    assert silent == []
    assert ast.get_docstring(tree) or not tree.body


@pytest.mark.parametrize("module", ["cxanim", "cxanim.cli"])
def test_importing_the_front_is_instant(module):
    heavy = ("gradio", "mediapipe", "moviepy", "torch", "torchvision", "cv2")
    program = f"import sys, {module}; print(*(name for name in {heavy} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr


def test_an_installed_package_has_every_room():
    listed = re.search(
        r"^packages = \[(.*?)\]", (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
    rooms = {Path(path).parent.as_posix().replace("/", ".") for path in MODULES if path.endswith("__init__.py")}
    assert listed is not None
    assert set(re.findall(r'"([^"]+)"', listed[1])) == rooms | {"cxanim.checkpoints"}
