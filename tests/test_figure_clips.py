"""Puppets of whole figures from real clips of people."""

from pathlib import Path

from cxanim.cli import main
from cxanim.pipelines.figure_clip import observe_figures
from cxanim.pipelines.figure_puppet import FigurePuppet, load_puppet
from cxanim.pipelines.fit import train
from cxanim.pipelines.learn import FitSettings
from cxanim.pipelines.watch import Watch
from cxanim.video import open_video


def frames_of(path: Path) -> int:
    with open_video(path) as video:
        return len(list(video))


def test_several_people_are_said(test_data: Path):
    seen = observe_figures(test_data / "bodies" / "several_people.mp4", Watch(), end_s=1.0)
    assert any("people" in note and "followed" in note for note in seen.notes)


def test_a_real_dancer_learns_to_dance(test_data: Path, tmp_path: Path):
    """A real clip, its first part: the face is found and looked at twice, and another person drives her."""
    output = tmp_path / "dancer.puppet"
    settings = FitSettings(moves="figure", steps=5, size=256, references=8, features="small")
    learnt = train([test_data / "bodies" / "lp_s13_dance.mp4"], output, settings)
    puppet = load_puppet(output)
    assert isinstance(puppet, FigurePuppet) and puppet.face_network is not None
    assert puppet.training["face_steps"] == 1 and learnt.steps == 5
    left, _, right, _ = puppet.frame
    assert right - left < 256  # her clip is narrower than high
    driven = tmp_path / "driven.mp4"
    driver = str(test_data / "bodies" / "ghost_dance.mp4")
    assert main(["drive", str(output), driver, "-o", str(driven), "--end-s", "1"]) == 0
    assert frames_of(driven) == 25
