"""How fast a photo moves: frames a second of the instant puppet, encoding included, at 256 and 512 pixels.

    python bench/render.py [PHOTO]

Prints the share of each stage in the same run. The default photo is the astronaut of scikit-image (NASA).
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from cxanim.images import write_image  # noqa: E402
from cxanim.pipelines.animate import AnimateSettings, animate  # noqa: E402
from cxanim.pipelines.drive_settings import DriveSettings  # noqa: E402
from cxanim.pipelines.driver import prepare_drive  # noqa: E402
from cxanim.pipelines.machine import Machine  # noqa: E402
from cxanim.pipelines.photo import observe_photo, photo_puppet  # noqa: E402
from cxanim.pipelines.render import Renderer  # noqa: E402
from cxanim.pipelines.scene import Scene  # noqa: E402
from cxanim.pipelines.watch import Watch  # noqa: E402
from cxanim.video import open_video_writer  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photo", nargs="?", type=Path)
    flags = parser.parse_args()
    Machine().prepare()
    with tempfile.TemporaryDirectory() as folder:
        photo = flags.photo or astronaut(Path(folder))
        print("| size | frames a second, all in | retarget ms | warp and layers ms | into the photo ms | encode ms |")
        print("|---|---|---|---|---|---|")
        for size in (256, 512):
            rendered = animate(photo, "talk", Path(folder) / "talk.mp4", AnimateSettings(size=size, loops=3))
            stages = " | ".join(f"{1000 * seconds:.1f}" for seconds in profile(photo, size, Path(folder)))
            print(f"| {size} | {rendered.frames / rendered.seconds:.0f} | {stages} |")


def profile(photo: Path, size: int, folder: Path) -> list[float]:
    """Seconds a frame of each stage, one after the other."""
    seen = observe_photo(photo)
    puppet = photo_puppet(seen, size)
    rest = Renderer(puppet).show(puppet.neutral_face)
    scene, renderer = Scene([seen], [puppet], [rest], AnimateSettings().longest_side), Renderer(puppet)
    times = []

    def timed(work, things: list) -> list:
        start_s = time.perf_counter()
        done = [work(thing) for thing in things]
        times.append((time.perf_counter() - start_s) / len(done))
        return done

    start_s = time.perf_counter()
    faces = list(prepare_drive("talk", puppet.neutral_face, DriveSettings(), Watch()).faces)
    times.append((time.perf_counter() - start_s) / len(faces))
    windows = timed(renderer.show, faces)
    frames = timed(lambda pair: scene.show([pair[0]], [pair[1]]).copy(), list(zip(windows, faces, strict=True)))
    start_s = time.perf_counter()
    with open_video_writer(folder / "profile.mp4", scene.width_px, scene.height_px, 30) as writer:
        for frame in frames:
            writer.write(np.ascontiguousarray(frame))
    times.append((time.perf_counter() - start_s) / len(frames))
    return times


def astronaut(folder: Path) -> Path:
    from skimage.data import astronaut

    write_image(folder / "astronaut.png", astronaut())
    return folder / "astronaut.png"


if __name__ == "__main__":
    main()
