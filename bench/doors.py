"""Every door of the photo puppet, typed as a person would, on real pictures and clips: what each command made.

    python bench/doors.py [--keep FOLDER]

The last column is read again from the file that came out. The pictures show people in test material: look at them, do
not publish them.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from held_out import clip_named, commit_here, head, material

from cxanim.images import read_image, write_image
from cxanim.motion.detect import find_face, find_faces
from cxanim.motion.segment import person_matte
from cxanim.motion.template import named_points
from cxanim.pipelines.placed_face import in_pixels
from cxanim.video import open_video, probe_video
from cxanim.video.probe import ffmpeg_program

_4K_PX = (3840, 2160)
_EYES_PX = 960


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", type=Path, help="where the results stay")
    flags = parser.parse_args()
    print(f"`python bench/doors.py`: {time.strftime('%Y-%m-%d')}, commit {commit_here()}.\n")
    print(head("what", "`cxanim ...`", "seconds", "what came out"), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        doors = Doors(flags.keep or Path(folder))
        doors.sizes()
        doors.several_faces()
        doors.placed()
        doors.drivers()
        doors.parts()
        doors.sliders()
        doors.clear()


class Doors:
    """The commands, one after the other.

    Args:
        folder: where pictures are prepared, and results lie.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.face, self.picture = material("portraits/lp_s6.jpg"), read_image(material("portraits/lp_s6.jpg")).rgb
        self.other, self.driver = material("portraits/lp_drv_d12.jpg"), clip_named("lp_d10")
        self.glad, self.sad = material("portraits/st_happy.png"), material("portraits/st_sad.png")

    def sizes(self) -> None:
        """A picture of 4K, its crop, and one that stands upright."""
        large = self.folder / "large.png"
        view = np.full((*_4K_PX[::-1], 3), (96, 120, 140), np.uint8)
        view[80:2080, 900:2900] = cv2.resize(self.picture, (2000, 2000), interpolation=cv2.INTER_CUBIC)
        write_image(large, view)
        self.animate("4K, a still picture drives", large, self.glad, "out.png", said=self.picture_facts(large))
        self.animate("4K as a video", large, "nod", "4k.mp4")
        self.animate("the square round its face alone", large, "nod", "crop.mp4", "--crop")
        self.animate("a tall picture", material("portraits/lp_s9.jpg"), "talk", "tall.mp4")

    def several_faces(self) -> None:
        """Two people side by side: one of them, and both."""
        group = self.folder / "group.png"
        pair = (cv2.resize(read_image(path).rgb, (720, 720)) for path in (self.face, self.other))
        write_image(group, np.hstack(list(pair)))

        def sides(name: str) -> str:
            change = np.abs(np.diff(np.array(self.frames(name)[::5], np.int16), axis=0)).mean((0, 1, 3))
            half = len(change) // 2
            left, right = change[: half - 20].mean(), change[half + 20 :].mean()
            return f"changes by {left:.2f} on the left, {right:.2f} on the right"

        self.animate("the second of two faces", group, "talk", "second.mp4", "--face", "2", said=sides)
        self.animate("both", group, "talk", "both.mp4", "--all-faces", said=sides)

    def placed(self) -> None:
        """A face that no detector finds, since it stands on its head: its points are given."""
        turned, points = self.folder / "turned.png", self.folder / "face.json"
        write_image(turned, np.ascontiguousarray(self.picture[::-1, ::-1]))
        height, width = self.picture.shape[:2]
        named = named_points(in_pixels(find_face(self.picture)[0], width, height))
        placed = {name: [width - float(x), height - float(y)] for name, (x, y) in named.items()}
        points.write_text(json.dumps({"points": placed, "by_hand": list(placed), "picture": [width, height]}))

        def turned_back(name: str) -> str:
            some = self.frames(name)[::10]
            seen = sum(bool(find_faces(np.ascontiguousarray(frame[::-1, ::-1]))) for frame in some)
            return f"turned back, {seen} of {len(some)} frames show a face"

        found = len(find_faces(read_image(turned).rgb))
        given = ("--landmarks", points, "--teeth", "drawn", "--puppet", "turned.puppet")
        what = f"points of a file, where {found} faces are found"
        self.animate(what, turned, "talk", "turned.mp4", *given, said=turned_back)
        self.animate("those that a puppet keeps", turned, "wink", "again.mp4", "--landmarks", "turned.puppet")

    def drivers(self) -> None:
        """What drives."""
        self.animate("a video", self.face, self.driver, "video.mp4")
        self.animate("an upright one", self.face, clip_named("lp_d13"), "upright.mp4", "--end-s", "2")
        several = material("bodies/several_people.mp4")
        self.animate("one of several people", self.face, several, "several.mp4", "--driver-face", "2", "--end-s", "2")
        self.animate("a still picture", self.face, self.glad, "still.mp4", "--neutral-picture", self.sad)
        self.run("a motion is kept", "motion", "extract", self.driver, "--end-s", "3", "-o", "wave.npz")
        self.animate("and used again", self.face, "wave.npz", "wave.mp4")
        self.animate("a preset, three times", self.face, "talk", "talk.mp4", "--loops", "3")

    def parts(self) -> None:
        """Which part of a video drives, and how."""
        short = ("--end-s", "3")
        self.animate("absolute", self.face, self.driver, "absolute.mp4", "--absolute", *short)
        self.animate("relaxed at 4 s", self.face, self.driver, "neutral.mp4", "--neutral-s", "4", *short)

        def seam(name: str) -> str:
            frames = np.array(self.frames(name), np.int16)
            return f"last to first frame {np.abs(frames[0] - frames[-1]).mean():.2f} grey levels"

        part = ("--start-s", "2", "--end-s", "5")
        self.animate("a part", self.face, self.driver, "part.mp4", *part, said=seam)
        self.animate("the same, seamless", self.face, self.driver, "loop.mp4", *part, "--seamless", said=seam)
        self.run("beside the driver", "animate", self.face, "--motion", self.driver, "-o", "plain.mp4",
                 "--beside", "beside.mp4", *short)  # fmt: skip
        self.says(self.facts("beside.mp4"))

    def sliders(self) -> None:
        """The editor's sliders, keyframes, and both mixed with a motion."""
        sliders = ("--smile", "0.7", "--yaw-deg", "8", "--gaze-right", "0.5")
        self.run("sliders", "edit", self.face, *sliders, "-o", "glad.png")
        self.says(self.picture_facts(self.face)("glad.png"))
        self.run("keyframes to edit", "motion", "save", "wink", "-o", "mine.json")
        self.says(f"{len(json.loads((self.folder / 'mine.json').read_text())['keyframes'])} keyframes")
        self.run("baked", "motion", "bake", "mine.json", "-o", "mine.npz")
        for motion in ("mine.json", "mine.npz"):
            self.animate("with offsets", self.face, motion, "mixed.mp4", "--offsets", "smile=0.3,yaw_deg=5")

    def clear(self) -> None:
        """A picture that is cut out comes out transparent."""
        matte = person_matte(self.picture)
        write_image(self.folder / "cut.png", self.picture, (255 * matte).round().astype(np.uint8))
        clear = (matte < 0.5).mean()

        def said(name: str) -> str:
            return f"{self.clear_share(name):.0%} of its middle is clear, {clear:.0%} of the photo"

        for name in ("cut.webm", "cut.gif"):
            self.animate("cut out", self.folder / "cut.png", "nod", name, said=said)

    def animate(self, what: str, photo: Path, motion: object, name: str, *more: object, said=None) -> None:
        """Give the command `animate`, and say what came out."""
        self.run(what, "animate", photo, "--motion", motion, "-o", name, *more)
        if (self.folder / name).exists():
            facts = [] if name.endswith(".png") else [self.facts(name)]
            self.says("; ".join([*facts, *([said(name)] if said else [])]))

    def run(self, what: str, *words: object) -> None:
        """Give one command in the folder."""
        start_s, command = time.monotonic(), [sys.executable, "-m", "cxanim", *map(str, words)]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True)
        typed = " ".join(word.name if isinstance(word, Path) else str(word) for word in words)
        print(f"\n| {what} | `{typed}` | {time.monotonic() - start_s:.0f} | ", end="", flush=True)
        if done.returncode:
            self.says(f"exit {done.returncode}: {done.stderr.strip()}")

    def says(self, text: str) -> None:
        """The end of a row."""
        print(f"{text} |", end="", flush=True)

    def facts(self, name: str) -> str:
        """Size, length, rate and sound of a video."""
        info = probe_video(self.folder / name)
        sound = "with sound" if info.has_audio else "silent"
        return f"{info.width_px}x{info.height_px}, {info.duration_s:.1f} s at {info.fps:.0f} fps, {sound}"

    def picture_facts(self, photo: Path):
        """Says how much of a picture is the photo's, bit for bit."""

        def said(name: str) -> str:
            made, own = read_image(self.folder / name).rgb, read_image(photo).rgb
            changed = (made != own).any(axis=2)
            rows, columns = np.flatnonzero(changed.any(1)), np.flatnonzero(changed.any(0))
            place = f"{columns[0]} to {columns[-1]} across, {rows[0]} to {rows[-1]} down"
            same = f"{1 - changed.mean():.0%} of it the photo's bit for bit, all beyond {place}"
            return f"{made.shape[1]}x{made.shape[0]}, {same}"

        return said

    def frames(self, name: str) -> Sequence[np.ndarray]:
        """All frames of a video, at most 960 px."""
        with open_video(self.folder / name, max_side_px=_EYES_PX) as video:
            return list(video)

    def clear_share(self, name: str) -> float:
        """How much of the middle frame of a transparent video is clear."""
        path = self.folder / name
        decoder = ["-c:v", "libvpx-vp9"] if path.suffix == ".webm" else []  # ffmpeg's own leaves the alpha out
        seek = ["-ss", str(probe_video(path).duration_s / 2), *decoder, "-i", str(path)]
        raw = ["-frames:v", "1", "-f", "rawvideo", "-pix_fmt", "rgba", "-"]
        done = subprocess.run([ffmpeg_program(), "-loglevel", "error", *seek, *raw], capture_output=True, check=True)
        return float((np.frombuffer(done.stdout, np.uint8).reshape(-1, 4)[:, 3] < 128).mean())


if __name__ == "__main__":
    main()
