"""What the benches on real clips have in common: where a clip lies, what of it is scored, and through which eyes.

The first four fifths of a clip are learnt from, a second is left out, and the rest is scored. An end card without a
face does not count as a part of the clip.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from cxanim.losses import available, feature_network  # noqa: E402
from cxanim.pipelines import metrics  # noqa: E402
from cxanim.pipelines.clip import ClipFaces, observe_clip  # noqa: E402
from cxanim.pipelines.evaluate import Exam, Show  # noqa: E402
from cxanim.pipelines.puppet import Puppet  # noqa: E402
from cxanim.pipelines.watch import Watch  # noqa: E402

LEARNT_FROM = 0.8
Row = dict[str, float | int | None]


def material(name: str) -> Path:
    """A file or folder of the test data; the bench ends with the reason where there is none."""
    path = Path(os.environ.get("CXANIM_TEST_DATA", ROOT.parent / "shared" / "data")) / name
    if not path.exists():
        print(f"Nothing to measure on: there is no {path}; set CXANIM_TEST_DATA.")
        sys.exit()
    return path


def clip_named(name: str, kind: str = "faces") -> Path:
    """A clip of the test data, of faces or of bodies."""
    return material(f"{kind}/{name}.mp4")


def seen_clip(name: str) -> ClipFaces:
    """A face clip of the test data, looked at from end to end."""
    return observe_clip(clip_named(name))


def learnt_share(seen: ClipFaces) -> float:
    """How much of a file is learnt from: four fifths of it, up to the last face."""
    last = max(number for number, pose in enumerate(seen.motion) if pose.face is not None)
    return LEARNT_FROM * min(1.0, (last + 1) * seen.stride / seen.frames_told)


class HeldOut:
    """The part of a clip that nobody learnt from.

    Args:
        seen: the clip.
        puppet: whose window is used.
        frames: how many frames are scored.
    """

    def __init__(self, seen: ClipFaces, puppet: Puppet, frames: int) -> None:
        self.exam = Exam(puppet, seen, learnt_share(seen), frames, Watch())
        self.features = "vgg19" if available("vgg19") else "small"
        self._eyes = feature_network(self.features, metrics.VGG_DIST_LAYERS)

    def score(self, show: Show) -> Row:
        """The numbers of `cxanim evaluate` for whatever turns a face into a picture."""
        return self.exam.score(show, self._eyes, "held-out frames")


def head(*titles: str) -> str:
    """The first two lines of a table."""
    return "| " + " | ".join(titles) + " |\n" + "|---" * len(titles) + "|"


def cells(row: Row, names: Sequence[str]) -> str:
    """Some numbers of a row, as a table shows them."""
    return " | ".join("-" if row[name] is None else f"{row[name]:.3f}" for name in names)


def commit_here() -> str:
    """The commit that is measured, as it is when the bench begins; a + says that files differ from it."""
    ask = ["git", "describe", "--always", "--exclude=*", "--dirty=+"]
    return subprocess.run(ask, cwd=ROOT, capture_output=True, text=True).stdout.strip()


def into_readme(name: str, text: str) -> None:
    """Put a table between the README's marks of that name."""
    readme = ROOT / "README.md"
    before, rest = readme.read_text().split(f"<!-- {name}:begin -->")
    _, after = rest.split(f"<!-- {name}:end -->")
    readme.write_text(f"{before}<!-- {name}:begin -->\n{text}<!-- {name}:end -->{after}")
