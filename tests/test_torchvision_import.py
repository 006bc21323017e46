"""The door to torchvision, with stand-ins for torchvision that fail in every way that matters."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from cxanim import torchvision_import as door

ROOT = Path(__file__).resolve().parent.parent

NEEDS_OPERATORS = """
import torch, torchvision.half_imported
for operator in ("nms", "qnms"):
    if not hasattr(torch.ops.torchvision, operator):
        raise RuntimeError(f"operator torchvision::{operator} does not exist")
"""
NOT_CURED = "print('tried'); raise RuntimeError('operator torchvision::nms does not exist')"


def imported_beside(stand_in, tmp_path):
    """Import torchvision in a fresh process that finds `stand_in` under its name."""
    package = tmp_path / "torchvision"
    package.mkdir()
    (package / "__init__.py").write_text(stand_in + "\nanswer = 42\n")
    (package / "half_imported.py").write_text("print('imported a part')\n")
    program = f"import sys; sys.path[:0] = [{str(tmp_path)!r}, {str(ROOT)!r}]\n"
    program += "from cxanim.torchvision_import import import_torchvision\n"
    program += "import torch; print(import_torchvision().answer, torch.ops.torchvision.nms.default._schema)\n"
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)


def test_missing_operators_are_declared_and_every_part_imported_again(tmp_path):
    run = imported_beside(NEEDS_OPERATORS, tmp_path)
    assert run.returncode == 0, run.stderr
    first, second, answer = run.stdout.strip().split("\n")
    assert first == second == "imported a part"
    assert answer.startswith("42 torchvision::nms(Tensor dets, Tensor scores, float iou_threshold)")


def test_the_error_is_raised_when_declaring_does_not_cure_it(tmp_path):
    run = imported_beside(NOT_CURED, tmp_path)
    assert run.returncode == 1
    assert run.stdout.strip().split("\n") == ["tried", "tried"]
    assert run.stderr.strip().endswith("RuntimeError: operator torchvision::nms does not exist")


def test_a_sound_torchvision_is_imported_and_nothing_declared(monkeypatch):
    sound, before = SimpleNamespace(answer=42), list(door._declarations)
    monkeypatch.setattr(door, "importlib", SimpleNamespace(import_module=lambda name: sound))
    assert door.import_torchvision() is sound
    assert door._declarations == before


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("operator torchvision::roi_align does not exist"),
        RuntimeError("something about operator torchvision::nms does not exist"),
        ImportError("a library is missing"),
    ],
)
def test_any_other_error_is_raised_as_it_is(error, monkeypatch):
    tried, before = [], list(door._declarations)

    def fail(name):
        tried.append(name)
        raise error

    monkeypatch.setattr(door, "importlib", SimpleNamespace(import_module=fail))
    with pytest.raises(type(error)) as raised:
        door.import_torchvision()
    assert raised.value is error
    assert tried == ["torchvision"]
    assert door._declarations == before


def test_this_machines_torchvision_is_imported_with_its_vgg19():
    program = "from cxanim.torchvision_import import import_torchvision as get; print(get().models.VGG19_Weights)"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, timeout=120)
    assert "VGG19_Weights" in run.stdout, run.stderr
