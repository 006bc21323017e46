"""How faithfully photos follow drivers: every portrait of the test data in which a face is found, with four drivers.

    python bench/photo.py [--quality instant] [--frames 60] [--readme] [PORTRAIT ...]

The table has the median over all pairs of each number of `evaluate --photo`, and what share of the pairs meets each
aim. It goes to stdout and to bench/out/photo.md, the numbers to bench/out/photo.json, and contact sheets (a row per
portrait: the photo, then the driver's frames over what the photo makes of them) beside them. The sheets show people in
test material: look at them, do not publish them.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import cv2
import numpy as np
from held_out import clip_named, commit_here, head, into_readme, material

from cxanim.errors import NoFace
from cxanim.losses import available, feature_network
from cxanim.motion.readings import READINGS, read_face
from cxanim.motion.retarget import Retargeting
from cxanim.pipelines import metrics
from cxanim.pipelines.animate import QUALITY_MINUTES
from cxanim.pipelines.bank import farthest_points
from cxanim.pipelines.clip import cut_frames
from cxanim.pipelines.faithful import Followed, PhotoExam
from cxanim.pipelines.fit import fit_photo
from cxanim.pipelines.learn import FitSettings
from cxanim.pipelines.machine import Machine
from cxanim.pipelines.photo import observe_photo, photo_puppet
from cxanim.pipelines.photo_set import driver_lessons
from cxanim.pipelines.puppet import Puppet
from cxanim.pipelines.render import Renderer
from cxanim.pipelines.watch import Watch

OUT = Path(__file__).parent / "out"
DRIVERS = ("lp_d3", "lp_d9", "lp_d10", "moore_talk_4")
# A face mesh is found on some of these too, but no expression of theirs can be measured by it.
ANIMALS = ("lp_s22", "lp_s23", "lp_s25", "lp_s30", "lp_s31", "lp_s32", "lp_s36", "lp_s38", "lp_s40", "lp_s41")
AIMS = {
    **{f"correlation {name}": (">=", 0.9) for name in ("jaw", "yaw", "pitch", "roll")},
    **{f"correlation {name}": (">=", 0.8) for name in ("eye_right", "eye_left", "smile", "brow_right", "brow_left")},
    "closed": ("within", 0.2),
    "sharpness_ratio": (">=", 0.8),
    "miss_rate": ("<=", 0.02),
    "identity_distance": ("<=", 0.6),
}
_SHEET_PX, _SHOWN, _ROWS = 220, 6, 6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("portraits", nargs="*", help="names in the test data's portraits/, without their ending")
    parser.add_argument("--drivers", nargs="*", default=DRIVERS, help="names of clips in the test data's faces/")
    parser.add_argument("--quality", default="instant", choices=tuple(QUALITY_MINUTES))
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--frames", type=int, default=60, help="frames of each driver that are scored")
    parser.add_argument("--readme", action="store_true", help="write the table into the README too")
    flags = parser.parse_args()
    commit = commit_here()
    OUT.mkdir(exist_ok=True)
    machine, watch = Machine(), Watch()
    device = machine.prepare()
    features = "vgg19" if available("vgg19") else "small"
    eyes = feature_network(features, metrics.VGG_DIST_LAYERS)
    drivers = {name: Followed.read(clip_named(name), flags.frames, watch) for name in flags.drivers}
    results: dict[str, dict] = {}
    sheets = Sheets(drivers, flags.quality)
    for path in portraits(flags.portraits):
        try:
            puppet = photo_puppet(observe_photo(path), flags.size, path.name)
        except NoFace:
            print(f"{path.name}: no face", file=sys.stderr, flush=True)
            continue
        exam, renderers = PhotoExam(puppet, eyes, watch), {}
        for name, driver in drivers.items():
            # A trained photo has learnt from the driver that it follows.
            own = trained(puppet, clip_named(name), flags.quality, machine, watch)
            results[f"{path.stem} {name}"] = score = exam.score(driver, Renderer(own, device).show)
            score["steps"] = own.training.get("steps", 0)
            renderers[name] = Renderer(own, device)
            print(path.stem, name, json.dumps(flat(score)), file=sys.stderr, flush=True)
        sheets.add(puppet, renderers)
        (OUT / f"photo-{flags.quality}.json").write_text(json.dumps(results, indent=1))
    sheets.write()
    text = f"{said(flags, results, commit)}\n\n{table(results)}"
    (OUT / f"photo-{flags.quality}.md").write_text(text)
    print(text)
    if flags.readme:
        into_readme("photo", text)


def said(flags: argparse.Namespace, results: dict[str, dict], commit: str) -> str:
    """What was measured."""
    portraits = len({pair.split()[0] for pair in results})
    return (
        f"`python bench/photo.py --quality {flags.quality} --frames {flags.frames}`: {portraits} pictures of people, "
        f"statues and drawings in which a face is found, {len(flags.drivers)} drivers ({', '.join(flags.drivers)}), "
        f"{flags.size} px; {time.strftime('%Y-%m-%d')}, commit {commit}."
    )


def trained(puppet: Puppet, driver: Path, quality: str, machine: Machine, watch: Watch) -> Puppet:
    """The puppet as `animate --quality` makes it for a driver."""
    minutes = QUALITY_MINUTES[quality]
    if not minutes:
        return puppet
    how = FitSettings(minutes=minutes, size=puppet.size_px)
    return fit_photo(puppet, how, machine, watch, lessons=driver_lessons(driver, puppet, watch))


def portraits(names: list[str]) -> list[Path]:
    """The portraits of people."""
    every = sorted(path for path in material("portraits").iterdir() if path.stem not in ANIMALS)
    return [path for path in every if not names or path.stem in names]


def flat(score: dict) -> dict[str, float | None]:
    """The numbers of one pair, by one name each."""
    numbers = {name: value for name, value in score.items() if not isinstance(value, dict)}
    return numbers | {f"{kind} {name}": score[kind][name] for kind in ("correlation", "gain") for name in READINGS}


def table(results: dict[str, dict]) -> str:
    """Medians over all pairs, and how many of them meet each aim."""
    lines = [head("number", "median", "lowest tenth", "aim", "pairs that meet it")]
    rows = [flat(score) for score in results.values()]
    for name in rows[0]:
        values = np.array([row[name] for row in rows if row[name] is not None], dtype=float)
        if not len(values) or name in ("frames", "steps", "ms_per_frame"):
            continue
        how, aim = AIMS.get(name, ("", 0.0))
        met = {
            ">=": values >= aim, "<=": values <= aim, "within": np.abs(values - 1) <= aim, "": np.zeros(len(values))
        }[how]  # fmt: skip
        share = f"{met.mean():.0%} of {len(values)}" if how else ""
        lines.append(
            f"| {name} | {np.median(values):.3f} | {np.quantile(values, 0.1):.3f} "
            f"| {f'{how} {aim:g}' if how else ''} | {share} |"
        )
    return "\n".join(lines) + "\n"


class Sheets:
    """Contact sheets: one set per driver, a row per portrait, under the driver's own most different frames."""

    def __init__(self, drivers: dict[str, Followed], quality: str):
        self._drivers, self._quality = drivers, quality
        self._telling = {name: telling(driver) for name, driver in drivers.items()}
        self._rows: dict[str, list[np.ndarray]] = {name: [] for name in drivers}
        self._heads = {name: self._head(name) for name in drivers}
        self._page = 0

    def add(self, puppet: Puppet, renderers: dict[str, Renderer]) -> None:
        """A row for a portrait on the sheet of each driver."""
        neutral = puppet.references[puppet.neutral]
        for name, driver in self._drivers.items():
            retargeting = Retargeting(driver.neutral, neutral.face)
            row = [renderers[name].show(retargeting.face(driver.calm[place])) for place in self._telling[name]]
            self._rows[name].append(strip([neutral.picture, *row]))
        if len(next(iter(self._rows.values()))) == _ROWS:
            self.write()

    def write(self) -> None:
        """Write the rows so far."""
        for name, rows in self._rows.items():
            if rows:
                path = OUT / f"photo-{self._quality}-{name}-{self._page}.png"
                cv2.imwrite(str(path), np.vstack([self._heads[name], *rows])[..., ::-1])
            rows.clear()
        self._page += 1

    def _head(self, name: str) -> np.ndarray:
        driver = self._drivers[name]
        numbers = [driver.numbers[place] for place in self._telling[name]]
        frames = dict(enumerate(cut_frames(clip_named(name), driver.crop, _SHEET_PX)))
        return strip([np.full((_SHEET_PX, _SHEET_PX, 3), 255, np.uint8), *(frames[number] for number in numbers)])


def telling(driver: Followed) -> list[int]:
    """Places of the driver's frames that differ most from one another."""
    readings = np.array([list(read_face(face).values()) for face in driver.calm])
    readings = (readings - readings.mean(0)) / readings.std(0)
    return sorted(farthest_points(readings, _SHOWN, int((readings**2).sum(1).argmin())))


def strip(pictures: list[np.ndarray]) -> np.ndarray:
    """Square pictures in a row."""
    return np.hstack([cv2.resize(picture, (_SHEET_PX,) * 2, None, 0, 0, cv2.INTER_AREA) for picture in pictures])


if __name__ == "__main__":
    main()
