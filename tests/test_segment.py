"""Where persons are: what the networks say of trousers that are as the wall behind them, and of a wall alone."""

from itertools import islice
from pathlib import Path

import numpy as np
from faces import astronaut

from cxanim.motion.detect import find_body
from cxanim.motion.segment import FigureSegmenter, person_matte
from cxanim.motion.skeleton import ANKLE, HIP, KNEE
from cxanim.video import open_video


def test_limbs_are_whole_where_clothes_are_as_what_is_behind(test_data: Path):
    lost, looked_at = 0, 0
    with open_video(test_data / "bodies" / "hybrik_taiji.mp4") as video, FigureSegmenter() as segmenter:
        for frame in islice(video, 0, 120, 40):
            body, height, width = find_body(frame), *frame.shape[:2]
            side = max(height, width)
            chains = [[HIP + right, KNEE + right, ANKLE + right] for right in (0, 1)]
            bones = np.stack([body[chain, :2] * side - ((side - width) / 2, (side - height) / 2) for chain in chains])
            places = np.concatenate([bones[:, :-1] + share * np.diff(bones, axis=1) for share in np.linspace(0, 1, 9)])
            columns, rows = places.reshape(-1, 2).round().astype(int).T
            figure = segmenter.matte(frame)
            assert figure.shape == (height, width) and figure.dtype == np.float32
            assert (figure[rows, columns] > 0.5).all()
            assert figure[:, : width // 8].max() < 0.1
            lost += not (person_matte(frame)[rows, columns] > 0.5).all()
            looked_at += 1
    assert looked_at == 3 and lost > 0  # what it is there for


def test_a_wall_shows_no_figure_and_every_size_is_answered_in_its_own():
    with FigureSegmenter() as segmenter:
        assert segmenter.matte(np.full((96, 128, 3), 127, np.uint8)) is None
        large = np.kron(astronaut(), np.ones((2, 2, 1), np.uint8))
        matte = segmenter.matte(large)
        segmenter.close()
    assert matte.shape == (1024, 1024) and 0 <= matte.min() and matte.max() <= 1
    assert matte[700:900, 400:500].min() > 0.5 and matte[:100, :100].max() < 0.1
