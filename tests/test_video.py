"""Videos come in frame by frame at a constant rate and go out whole; bad ones are refused with a sentence."""

import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from conftest import Make

from cxanim.errors import CannotWrite, TooLarge, UnreadableVideo
from cxanim.limits import Limits
from cxanim.video import open_video, open_video_writer, probe_video
from cxanim.video.probe import _frame_rate, ffmpeg_program


def picture(size: str = "64x48", rate: int = 25, seconds: float = 1.0) -> tuple[str, ...]:
    return ("-f", "lavfi", "-i", f"testsrc2=size={size}:rate={rate}:duration={seconds},format=yuv420p")


def tone(seconds: float = 1.0) -> tuple[str, ...]:
    return ("-f", "lavfi", "-i", f"sine=frequency=440:duration={seconds}")


def read(path: Path, **options: object) -> np.ndarray:
    with open_video(path, **options) as video:
        return np.stack(list(video))


def loudness(path: Path) -> np.ndarray:
    """Root mean square of the sound in each tenth of a second."""
    command = [ffmpeg_program(), "-loglevel", "error", "-i", str(path), "-f", "s16le", "-ac", "1", "-ar", "8000", "-"]
    samples = np.frombuffer(subprocess.run(command, check=True, capture_output=True).stdout, np.int16)
    tenths = samples[: len(samples) // 800 * 800].reshape(-1, 800).astype(float)
    return np.sqrt((tenths**2).mean(axis=1))


def gradient(number: int, width_px: int = 64, height_px: int = 48) -> np.ndarray:
    """A smooth picture whose brightness tells its number."""
    across = np.linspace(0, 60, width_px)[None, :, None]
    colour = np.array([60, 90, 120])[None, None, :]
    return np.broadcast_to(across + colour + 5 * number, (height_px, width_px, 3)).round().astype(np.uint8)


# Reading


def test_tells_what_a_video_is(make: Make) -> None:
    info = probe_video(make("a.mp4", *picture(seconds=2), *tone(2)))
    assert (info.width_px, info.height_px, info.fps, info.frames_estimate) == (64, 48, 25.0, 50)
    assert info.has_audio and abs(info.duration_s - 2) < 0.05


def test_gives_every_frame_once_in_order_and_own_memory(tmp_path: Path) -> None:
    with open_video_writer(tmp_path / "a.mp4", 64, 48, 25) as writer:
        for number in range(14):
            writer.write(gradient(number))
    with open_video(tmp_path / "a.mp4") as video:
        frames = list(video)
        assert video.frames_read == 14 and list(video) == []
    assert all(frame.dtype == np.uint8 and frame.shape == (48, 64, 3) and frame.flags.writeable for frame in frames)
    means = np.array([frame.mean() for frame in frames])
    np.testing.assert_allclose(np.diff(means), 5, atol=1)


def test_resamples_a_variable_rate_to_a_constant_one(make: Make) -> None:
    # The first second keeps every frame, the next two only every fifth.
    drop = "select='lt(t,1)+not(mod(n,5))'"
    path = make("a.mp4", *picture(seconds=3), "-vf", drop, "-fps_mode", "vfr", "-enc_time_base", "1/1000")
    info = probe_video(path)
    frames = read(path)
    assert abs(len(frames) - 3 * info.fps) <= 2
    moving = np.abs(np.diff(frames.astype(int), axis=0)).mean(axis=(1, 2, 3)) > 0.5
    late = moving[int(1.2 * info.fps) :]
    assert 8 <= late.sum() <= 10 and (~late).sum() > 8


@pytest.mark.parametrize("degrees", [90, -90, 180])
def test_turns_a_phone_video_upright(make: Make, degrees: int) -> None:
    flat = make("flat.mp4", *picture())
    turned = make("turned.mp4", "-display_rotation", str(degrees), "-i", str(flat), "-c", "copy")
    expected = np.rot90(read(flat), degrees // 90, axes=(1, 2))
    frames = read(turned)
    assert frames.shape == expected.shape
    assert np.abs(frames.astype(int) - expected).mean() < 2


def test_makes_pixels_square(make: Make) -> None:
    info = probe_video(make("a.mp4", *picture(), "-vf", "setsar=2/1"))
    assert (info.width_px, info.height_px) == (128, 48)


def test_reads_the_part_that_is_asked_for(make: Make) -> None:
    path = make("a.mp4", *picture(seconds=2))
    whole = read(path)
    with open_video(path, start_s=0.4, end_s=1.2) as video:
        part = np.stack(list(video))
        assert video.info.frames_estimate == 20 and abs(video.info.duration_s - 0.8) < 1e-6
    np.testing.assert_array_equal(part, whole[10:30])


def test_scales_large_frames_down_and_small_ones_not_up(make: Make) -> None:
    path = make("a.mp4", *picture(size="128x96", seconds=0.2))
    assert read(path, max_side_px=32).shape[1:] == (24, 32, 3)
    assert read(path, max_side_px=500).shape[1:] == (96, 128, 3)


def test_reads_one_frame(make: Make) -> None:
    assert read(make("a.mp4", *picture(), "-frames:v", "1")).shape == (1, 48, 64, 3)


def test_reads_an_animated_gif(make: Make) -> None:
    path = make("a.gif", *picture(rate=10))
    assert probe_video(path).fps == 10 and len(read(path)) == 10


def test_finds_the_length_of_a_recording_that_does_not_say(make: Make, tmp_path: Path) -> None:
    command = [ffmpeg_program(), "-loglevel", "error", *picture(seconds=2), "-c:v", "libvpx", "-f", "webm", "-"]
    streamed = subprocess.run(command, check=True, capture_output=True).stdout
    (tmp_path / "a.webm").write_bytes(streamed)
    info = probe_video(tmp_path / "a.webm")
    assert abs(info.duration_s - 2) < 0.1 and abs(info.frames_estimate - 50) <= 2


def test_begins_at_the_first_frame_when_sound_begins_earlier(make: Make) -> None:
    path = make("a.mkv", *tone(3), "-itsoffset", "2", *picture(), "-map", "1:v", "-map", "0:a")
    info = probe_video(path)
    assert abs(info.first_frame_s - 2) < 0.05
    frames = read(path)
    assert len(frames) == 25 and np.abs(frames[12].astype(int) - frames[0]).mean() > 0


@pytest.mark.parametrize(
    ("line", "fps"),
    [
        ("Video: h264, 64x48, 25 fps, 25 tbr, 12800 tbn", 25.0),
        ("Video: h264, 64x48, 29.97 fps, 29.97 tbr, 30k tbn", 30000 / 1001),
        ("Video: h264, 64x48, 24.9 fps, 25 tbr, 90k tbn", 25.0),
        ("Video: h264, 64x48, 17.4 fps, 30 tbr, 90k tbn", 17.4),
        ("Video: h264, 64x48, 5 fps, 5 tbr, 90k tbn", 5.0),
        ("Video: h264, 64x48, 240 fps, 240 tbr, 90k tbn", 60.0),
        ("Video: h264, 64x48, 0.2 fps, 0.2 tbr, 90k tbn", 1.0),
        ("Video: vp8, 64x48, 1k fps, 1k tbr, 1k tbn", 60.0),
        ("Video: vp8, 64x48, 1k tbr, 1k tbn", 30.0),
        ("Video: vp8, 64x48", 30.0),
        ("Video: gif, bgra, 64x48, 33.33 fps, 30 tbr, 100 tbn", 30.0),
        ("Video: gif, bgra, 64x48, 12.5 fps, 100 tbr, 100 tbn", 12.5),
    ],
)
def test_understands_every_way_a_rate_is_told(line: str, fps: float) -> None:
    assert _frame_rate(line) == pytest.approx(fps)


@pytest.mark.parametrize(
    ("name", "frames", "fps"),
    [
        ("faces/lp_d0.mp4", 78, 25.0),
        ("faces/tpsmm_driving.mp4", 169, 25.0),
        ("bodies/callus_sample.mp4", 399, 30.0),  # Its container promises 402.
        ("faces/moore_talk_2.mp4", 351, 30.0),  # Its sound begins 8 s before its picture.
    ],
)
def test_counts_the_frames_of_real_clips(test_data: Path, name: str, frames: int, fps: float) -> None:
    with open_video(test_data / name, max_side_px=64) as video:
        assert sum(1 for _ in video) == frames
        assert video.info.fps == pytest.approx(fps) and abs(video.info.frames_estimate - frames) <= 3


def test_leaves_no_process_when_closed_early(make: Make) -> None:
    path = make("a.mp4", *picture(size="640x480", seconds=8), "-preset", "ultrafast")
    with open_video(path) as video:
        next(video)
        process = video._ffmpeg
        assert process.poll() is None
    assert process.returncode is not None
    with pytest.raises(StopIteration):
        next(video)


@pytest.mark.parametrize(
    ("content", "words"), [(b"", "empty"), (b"no video at all" * 100, "not a video"), (b"#EXTM3U\n", "not a video")]
)
def test_refuses_what_is_no_video(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "a.mp4").write_bytes(content)
    with pytest.raises(UnreadableVideo, match=words) as caught:
        open_video(tmp_path / "a.mp4")
    assert "a.mp4" in caught.value.problem and caught.value.next_step


def test_refuses_a_missing_file_a_folder_sound_and_a_photograph(make: Make, tmp_path: Path) -> None:
    with pytest.raises(UnreadableVideo, match="no file"):
        open_video(tmp_path / "a.mp4")
    with pytest.raises(UnreadableVideo, match="is a folder"):
        open_video(tmp_path)
    with pytest.raises(UnreadableVideo, match="only sound"):
        open_video(make("a.m4a", *tone()))
    with pytest.raises(UnreadableVideo, match="not a video"):
        open_video(make("a.png", *picture(), "-frames:v", "1"))


def test_never_follows_a_playlist_to_other_files(make: Make, tmp_path: Path) -> None:
    secret = make("secret.ts", *picture())
    (tmp_path / "a.mp4").write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{secret}\n#EXT-X-ENDLIST\n")
    with pytest.raises(UnreadableVideo):
        open_video(tmp_path / "a.mp4")
    (tmp_path / "b.mp4").write_text(f"ffconcat version 1.0\nfile {secret.name}\n")
    with pytest.raises(UnreadableVideo):
        open_video(tmp_path / "b.mp4")


def test_takes_a_name_for_a_name(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make("plain.mp4", *picture(seconds=0.2)).rename(tmp_path / "-y concat:a|b%03d.mp4")
    monkeypatch.chdir(tmp_path)
    assert len(read(Path("-y concat:a|b%03d.mp4"))) == 5


def test_gives_the_frames_that_a_shortened_video_still_has(make: Make, tmp_path: Path) -> None:
    whole = make("a.mp4", *picture(size="320x240", seconds=2), "-g", "5", "-movflags", "+faststart").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(whole[: int(len(whole) * 0.6)])
    assert 5 < len(read(tmp_path / "cut.mp4")) < 50


def test_refuses_a_video_whose_index_is_cut_off(make: Make, tmp_path: Path) -> None:
    whole = make("a.mp4", *picture(size="320x240")).read_bytes()
    (tmp_path / "cut.mp4").write_bytes(whole[: int(len(whole) * 0.6)])
    with pytest.raises(UnreadableVideo, match="cut short"):
        open_video(tmp_path / "cut.mp4")


def test_refuses_a_part_beyond_the_end(make: Make) -> None:
    path = make("a.mp4", *picture())
    with pytest.raises(UnreadableVideo, match=r"only 1\.0 s long"):
        open_video(path, start_s=5)
    with pytest.raises(ValueError, match="start_s"):
        open_video(path, start_s=2, end_s=1)


def test_names_size_and_limit_of_what_is_too_large(make: Make) -> None:
    path = make("a.mp4", *picture(seconds=3))
    with pytest.raises(TooLarge, match=r"MB; the limit is 0\.001 MB"):
        open_video(path, Limits(video_mb=0.001))
    with pytest.raises(TooLarge, match=r"64x48 px; the limit is 0\.001 megapixels"):
        open_video(path, Limits(megapixels=0.001))
    with pytest.raises(TooLarge, match=r"3\.0 s are to be read; the limit is 2 s"):
        open_video(path, Limits(video_s=2))
    assert len(read(path, limits=Limits(video_s=2), end_s=1)) == 25


def test_stops_reading_when_a_video_is_longer_than_it_says(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make("a.mp4", *picture(seconds=4))
    monkeypatch.setattr("cxanim.video.probe._duration_s", lambda *_: 1.0)
    with open_video(path, Limits(video_s=1)) as video, pytest.raises(TooLarge):
        list(video)


# Writing


@pytest.mark.parametrize("name", ["a.mp4", "a.webm", "a.gif", "a.MP4"])
def test_reads_back_what_was_written(tmp_path: Path, name: str) -> None:
    with open_video_writer(tmp_path / name, 64, 48, 25) as writer:
        for number in range(12):
            writer.write(gradient(number))
    assert [path.name for path in tmp_path.iterdir()] == [name]
    info = probe_video(tmp_path / name)
    assert (info.width_px, info.height_px, info.fps, info.has_audio) == (64, 48, 25.0, False)
    frames = read(tmp_path / name).astype(int)
    assert len(frames) == 12
    assert np.abs(frames - [gradient(number) for number in range(12)]).mean() < 4


def test_keeps_colours(tmp_path: Path) -> None:
    bars = np.repeat(np.array([[220, 40, 40], [40, 200, 40], [40, 40, 220], [128, 128, 128]], np.uint8), 32, axis=0)
    bars = np.broadcast_to(bars, (64, 128, 3))
    with open_video_writer(tmp_path / "a.mp4", 128, 64, 10) as writer:
        writer.write(bars)
    assert np.abs(read(tmp_path / "a.mp4")[0].astype(int) - bars)[:, 8::32].max() <= 6


def test_writes_mp4_that_browsers_play(tmp_path: Path) -> None:
    with open_video_writer(tmp_path / "a.mp4", 64, 48, 25) as writer:
        writer.write(gradient(0))
    report = subprocess.run([ffmpeg_program(), "-i", str(tmp_path / "a.mp4")], capture_output=True).stderr.decode()
    assert "h264" in report and "yuv420p(" in report
    content = (tmp_path / "a.mp4").read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")


@pytest.mark.parametrize(("name", "size"), [("a.mp4", (66, 50)), ("a.webm", (66, 50)), ("a.gif", (65, 49))])
def test_grows_odd_sizes_where_players_want_even_ones(tmp_path: Path, name: str, size: tuple[int, int]) -> None:
    with open_video_writer(tmp_path / name, 65, 49, 25) as writer:
        writer.write(gradient(3, 65, 49))
    frame = read(tmp_path / name)[0].astype(int)
    assert (frame.shape[1], frame.shape[0]) == size
    assert np.abs(frame[:49, :65] - gradient(3, 65, 49)).mean() < 4
    assert np.abs(frame[-1, -1] - gradient(3, 65, 49)[-1, -1]).max() < 8


@pytest.mark.parametrize("name", ["a.mp4", "a.webm"])
@pytest.mark.parametrize("sound_s", [0.5, 5.0])
def test_keeps_the_sound_of_the_driver_at_the_length_of_the_picture(
    make: Make, tmp_path: Path, name: str, sound_s: float
) -> None:
    driver = make("driver.mp4", *picture(seconds=2), *tone(sound_s))
    with open_video_writer(tmp_path / name, 64, 48, 25, audio_from=driver) as writer:
        for number in range(30):
            writer.write(gradient(number % 10))
    info = probe_video(tmp_path / name)
    assert info.has_audio and abs(info.duration_s - 1.2) < 0.05 and len(read(tmp_path / name)) == 30
    loud = loudness(tmp_path / name) > 300
    assert loud[1:4].all()
    assert loud[8:11].all() == (sound_s > 1)


def test_takes_the_sound_from_where_the_picture_was_taken(make: Make, tmp_path: Path) -> None:
    # One second of silence before the tone; the picture begins half a second after the sound.
    late_tone = ("-f", "lavfi", "-i", "sine=duration=4,adelay=1000")
    driver = make("d.mkv", *late_tone, "-itsoffset", "0.5", *picture(seconds=3), "-map", "1:v", "-map", "0:a")
    with open_video_writer(tmp_path / "a.mp4", 64, 48, 25, audio_from=driver, audio_start_s=0.2) as writer:
        for _ in range(25):
            writer.write(gradient(0))
    loud = loudness(tmp_path / "a.mp4") > 300
    assert not loud[:2].any() and loud[4:9].all()


def test_is_silent_when_the_driver_is_and_in_a_gif(make: Make, tmp_path: Path) -> None:
    silent, loud = make("silent.mp4", *picture()), make("loud.mp4", *picture(), *tone())
    for driver, name in ((silent, "a.mp4"), (loud, "a.gif")):
        with open_video_writer(tmp_path / name, 64, 48, 25, audio_from=driver) as writer:
            writer.write(gradient(0))
        assert not probe_video(tmp_path / name).has_audio


def test_loops_a_gif(tmp_path: Path) -> None:
    with open_video_writer(tmp_path / "a.gif", 64, 48, 100) as writer:
        for number in range(14):
            writer.write(gradient(number))
    assert b"NETSCAPE2.0\x03\x01\x00\x00" in (tmp_path / "a.gif").read_bytes()
    assert probe_video(tmp_path / "a.gif").fps == 50


@pytest.mark.parametrize("interruption", [RuntimeError, KeyboardInterrupt])
def test_leaves_nothing_when_interrupted(make: Make, tmp_path: Path, interruption: type[BaseException]) -> None:
    (tmp_path / "a.mp4").write_bytes(b"the one before")
    driver = make("d.mp4", *picture(), *tone())
    with pytest.raises(interruption), open_video_writer(tmp_path / "a.mp4", 64, 48, 25, audio_from=driver) as writer:
        writer.write(gradient(0))
        process = writer._moviepy.proc
        raise interruption
    assert process.returncode is not None
    driver.unlink()
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a.mp4": b"the one before"}


def test_refuses_an_unknown_ending_and_names_the_known(tmp_path: Path) -> None:
    for name in ("a.avi", "a"):
        with pytest.raises(CannotWrite, match=r"\.mp4, \.webm, \.gif"), open_video_writer(tmp_path / name, 64, 48, 25):
            pytest.fail("the block must not begin")


def test_refuses_a_missing_folder_and_an_empty_video(tmp_path: Path) -> None:
    with pytest.raises(CannotWrite, match="no folder"), open_video_writer(tmp_path / "no" / "a.mp4", 64, 48, 25):
        pytest.fail("the block must not begin")
    with pytest.raises(CannotWrite, match="no frame"), open_video_writer(tmp_path / "a.mp4", 64, 48, 25):
        pass
    assert list(tmp_path.iterdir()) == []


def test_names_what_is_wrong_with_a_frame_or_a_number(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"float32 \(48, 64, 3\), expected uint8"):
        with open_video_writer(tmp_path / "a.mp4", 64, 48, 25) as writer:
            writer.write(np.zeros((48, 64, 3), np.float32))
    with pytest.raises(ValueError, match="fps"), open_video_writer(tmp_path / "a.mp4", 64, 48, 0):
        pytest.fail("the block must not begin")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the device that is always full")
@pytest.mark.parametrize("name", ["a.mp4", "a.gif"])
def test_says_that_the_disk_is_full_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    from cxanim.output import atomic_output

    @contextmanager
    def on_a_full_disk(path: Path):
        with atomic_output(path) as temporary:
            temporary.unlink()
            temporary.symlink_to("/dev/full")
            yield temporary

    monkeypatch.setattr("cxanim.video.write.atomic_output", on_a_full_disk)
    noise = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    with pytest.raises(CannotWrite, match="disk is full"), open_video_writer(tmp_path / name, 64, 48, 25) as writer:
        for _ in range(200):
            writer.write(noise)
    assert list(tmp_path.iterdir()) == []


def test_passes_on_the_last_words_of_an_encoder_that_dies(tmp_path: Path) -> None:
    with pytest.raises(CannotWrite, match="could not be encoded"):
        with open_video_writer(tmp_path / "a.mp4", 64, 48, 25) as writer:
            writer.write(gradient(0))
            writer._moviepy.proc.kill()
            for _ in range(100):
                writer.write(gradient(0))
    assert list(tmp_path.iterdir()) == []


def test_import_of_the_package_loads_neither_moviepy_nor_ffmpeg() -> None:
    code = "import sys, cxanim.video; sys.exit(bool({'moviepy', 'imageio_ffmpeg'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
