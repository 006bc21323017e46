"""Makes docs/picture.png, the README's picture: a photograph and a drawing, each still and with four motions.

python examples/picture.py
"""

import sys
from pathlib import Path

import cv2
import numpy as np
from skimage.data import astronaut

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from cxanim.images import write_image  # noqa: E402
from cxanim.motion.presets import PRESETS  # noqa: E402
from cxanim.pipelines.photo import observe_photo, photo_puppet  # noqa: E402
from cxanim.pipelines.render import Renderer  # noqa: E402
from cxanim.ui.character import character  # noqa: E402

SIDE_PX = 256
MOMENTS = (("smile", 1.3), ("talk", 0.65), ("surprise", 1.0), ("look-around", 0.9))


def main() -> None:
    rows = []
    for name, picture in (("photograph", astronaut()[:300, 70:370]), ("drawing", character())):
        file = ROOT / "docs" / f".{name}.png"
        write_image(file, np.ascontiguousarray(picture))
        puppet = photo_puppet(observe_photo(file), SIDE_PX)
        file.unlink()
        shown = [puppet.references[0].picture]
        for preset, moment_s in MOMENTS:
            faces = list(PRESETS[preset].faces(puppet.neutral_face, fps=20))
            shown.append(Renderer(puppet).show(faces[round(moment_s * 20)]))
        rows.append(np.hstack([cv2.copyMakeBorder(tile, 4, 4, 4, 4, cv2.BORDER_CONSTANT, value=(255,) * 3)
                               for tile in shown]))  # fmt: skip
    write_image(ROOT / "docs" / "picture.png", np.vstack(rows))


if __name__ == "__main__":
    main()
