"""A cut-out stays one: alpha goes from the picture through puppet and warp to the video, and moves with the person."""

import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from faces import astronaut, portrait

from cxanim import Puppet, animate, drive, train
from cxanim.errors import BadPuppet
from cxanim.images import from_over_white, over_white, read_image, write_image
from cxanim.motion.expression import Expression, ExpressionBasis
from cxanim.motion.retarget import perform
from cxanim.motion.segment import person_matte
from cxanim.pipelines.animate import AnimateSettings
from cxanim.pipelines.learn import FitSettings
from cxanim.pipelines.photo import observe_photo, photo_puppet
from cxanim.pipelines.render import Renderer
from cxanim.video import open_video_writer
from cxanim.video.probe import ffmpeg_program, probe_video

ALONE = AnimateSettings(size=128, crop=True)


@pytest.fixture(scope="module")
def cut_out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The astronaut without what is behind her; there her picture is green, which nobody must ever see."""
    path = tmp_path_factory.mktemp("cut-out") / "astronaut.png"
    alpha = np.round(np.clip(person_matte(astronaut()) * 2 - 0.5, 0, 1) * 255).astype(np.uint8)
    write_image(path, np.where(alpha[..., None] > 0, astronaut(), np.uint8((0, 255, 0))), alpha)
    return path


def decoded(path: Path) -> np.ndarray:
    """The frames of a video with their alpha, (T, H, W, 4)."""
    info = probe_video(path)
    decoder = ["-c:v", "libvpx-vp9"] if path.suffix == ".webm" else []  # ffmpeg's own leaves alpha out
    command = [ffmpeg_program(), "-loglevel", "error", *decoder, "-i", str(path), "-f", "rawvideo", "-pix_fmt", "rgba"]
    frames = subprocess.run([*command, "-"], capture_output=True, check=True).stdout
    return np.frombuffer(frames, np.uint8).reshape(-1, info.height_px, info.width_px, 4)


def test_straight_colours_look_before_white_as_they_did():
    random = np.random.default_rng(0)
    rgb, alpha = random.integers(0, 256, (2, 32, 32, 3), np.uint8)[0], random.integers(0, 256, (32, 32), np.uint8)
    shown = over_white(rgb, alpha)
    straight = from_over_white(shown, alpha)
    np.testing.assert_array_equal(straight[..., 3], alpha)
    assert np.abs(over_white(straight[..., :3], alpha).astype(int) - shown).max() <= 1


@pytest.mark.parametrize("suffix", [".webm", ".gif"])
@pytest.mark.parametrize("with_sound", [False, True])
def test_frames_with_alpha_come_back_with_it(tmp_path: Path, test_data: Path, suffix: str, with_sound: bool):
    path = tmp_path / f"square{suffix}"
    sound = test_data / "faces" / "lp_d10.mp4" if with_sound else None
    frames = np.zeros((12, 64, 64, 4), np.uint8)
    for number, frame in enumerate(frames):
        frame[20:40, 8 + 2 * number : 28 + 2 * number] = (200, 30, 30, 255)
    with open_video_writer(path, 64, 64, 10, audio_from=sound, with_alpha=True) as writer:
        for frame in frames:
            writer.write(frame)
    again = decoded(path)
    assert len(again) == 12 and np.abs(again[..., 3].astype(int) - frames[..., 3]).mean() < 1
    inside = again[3, 24:36, 18:28, :3].astype(int)  # of the square in the fourth frame
    np.testing.assert_allclose(inside.mean((0, 1)), (200, 30, 30), atol=12)


def test_a_format_without_alpha_is_refused(tmp_path: Path):
    with (
        pytest.raises(ValueError, match="with_alpha"),
        open_video_writer(tmp_path / "o.mp4", 64, 64, 10, with_alpha=True),
    ):
        pass
    with pytest.raises(ValueError, match="alpha"):
        write_image(tmp_path / "o.jpg", portrait(), portrait()[..., 0])


@pytest.mark.parametrize("suffix", [".webm", ".gif"])
def test_alpha_moves_with_the_person(cut_out: Path, tmp_path: Path, suffix: str):
    puppet = photo_puppet(observe_photo(cut_out), 128)
    rendered = animate(cut_out, "nod", tmp_path / f"o{suffix}", ALONE)
    shown = decoded(rendered.path)
    assert shown.shape == (60, 128, 128, 4)
    alpha, own = shown[..., 3].astype(float), puppet.references[0].matte
    assert own is not None and np.abs(alpha[0] - own).mean() < 4 < np.ptp(alpha, axis=0).mean()
    # The hair's upper edge goes down as the head nods.
    top = [int(np.flatnonzero((frame > 128).sum(1) > 3)[0]) for frame in alpha]
    assert max(top) - top[0] >= 2 and abs(top[-1] - top[0]) <= 1
    seen = shown[alpha > 200][:, :3].astype(int)
    green = (seen[:, 1] > 200) & (seen[:, 0] < 80) & (seen[:, 2] < 80)
    assert green.mean() < 1e-4


def test_other_formats_show_a_cut_out_before_white(cut_out: Path, tmp_path: Path):
    both = tmp_path / "both.mp4"
    frames = decoded(animate(cut_out, "nod", tmp_path / "o.mp4", ALONE).path)
    beside = decoded(animate(cut_out, "nod", tmp_path / "o.gif", ALONE, beside=both).path)
    assert (frames[..., 3] == 255).all() and frames[0, 2, 2, :3].min() > 250
    assert (beside[:, 2, 2, 3] == 0).all() and (decoded(both)[..., 3] == 255).all()


def test_what_is_shown_with_alpha_is_what_is_shown_before_white(cut_out: Path):
    puppet = photo_puppet(observe_photo(cut_out), 128)
    face = perform(
        ExpressionBasis(puppet.neutral_face).performance(Expression(yaw_deg=10, jaw=0.4)), puppet.neutral_face
    )
    clear = Renderer(puppet).show_with_alpha(face)
    np.testing.assert_array_equal(clear[..., :3], Renderer(puppet).show(face))
    opaque = Renderer(replace(puppet, cut_out=False))
    with pytest.raises(ValueError, match="cut out"):
        opaque.show_with_alpha(face)


def test_a_puppets_file_keeps_its_alpha_to_the_bit(cut_out: Path, tmp_path: Path):
    puppet = photo_puppet(observe_photo(cut_out), 128)
    puppet.save(tmp_path / "a.puppet")
    again = Puppet.load(tmp_path / "a.puppet")
    assert again.cut_out
    np.testing.assert_array_equal(again.references[0].matte, puppet.references[0].matte)
    shown = decoded(drive(again, "nod", tmp_path / "o.webm").path)
    assert shown[0, :8, :8, 3].max() < 4 and shown[0, 64, 64, 3] > 251  # VP9 loses a little
    replace(puppet, references=(replace(puppet.references[0], matte=None),)).save(tmp_path / "b.puppet")
    with pytest.raises(BadPuppet, match="matte"):
        Puppet.load(tmp_path / "b.puppet")


def test_rounded_corners_are_no_cut_out(tmp_path: Path):
    alpha = np.full(astronaut().shape[:2], 255, np.uint8)
    alpha[:24, :24] = 0
    write_image(tmp_path / "a.png", astronaut(), alpha)
    assert read_image(tmp_path / "a.png").alpha is not None
    assert observe_photo(tmp_path / "a.png").alpha is None


def test_a_cut_out_is_trained_and_still_clear(cut_out: Path, tmp_path: Path):
    trained = train([cut_out], tmp_path / "a.puppet", FitSettings(steps=2, size=64, batch=1, references=4)).puppet
    assert trained.is_trained and trained.cut_out
    shown = Renderer(trained).show_with_alpha(trained.neutral_face)
    assert shown[2, 2, 3] == 0 and shown[32, 32, 3] == 255
