"""How a photo follows a driver: the scores tell a puppet that follows from one that does not."""

import json
from pathlib import Path

import numpy as np
import pytest
from faces import portrait, portrait_face

from cxanim.cli import main
from cxanim.errors import CxanimError
from cxanim.images import write_image
from cxanim.losses import feature_network
from cxanim.motion.readings import READINGS
from cxanim.pipelines import metrics
from cxanim.pipelines.faithful import Followed, PhotoExam
from cxanim.pipelines.photo import observe_photo, photo_puppet
from cxanim.pipelines.render import Renderer
from cxanim.pipelines.watch import Watch


@pytest.fixture(scope="module")
def driver(test_data: Path) -> Followed:
    return Followed.read(test_data / "faces" / "lp_d9.mp4", 40, Watch())


@pytest.fixture(scope="module")
def exam(tmp_path_factory: pytest.TempPathFactory) -> tuple[PhotoExam, Renderer]:
    path = tmp_path_factory.mktemp("photo") / "portrait.png"
    write_image(path, portrait())
    puppet = photo_puppet(observe_photo(path), 256, path.name)
    return PhotoExam(puppet, feature_network("small", metrics.VGG_DIST_LAYERS), Watch()), Renderer(puppet)


def test_a_puppet_follows_and_stays_itself(driver: Followed, exam: tuple[PhotoExam, Renderer]) -> None:
    examiner, renderer = exam
    scores = examiner.score(driver, renderer.show)
    assert set(scores["correlation"]) == set(scores["gain"]) == set(READINGS)
    assert min(scores["correlation"][name] for name in ("yaw", "roll", "eye_right", "eye_left")) > 0.8
    # She smiles: what is left for jaw and smile to move is little.
    assert min(scores["correlation"][name] for name in ("pitch", "smile", "jaw")) > 0.3
    assert 0.6 < scores["closed"] < 1.2
    assert scores["miss_rate"] == 0 and scores["frames"] == 40
    assert scores["identity_distance"] < 0.8
    assert scores["background_drift"] < 0.1
    json.dumps(scores, allow_nan=False)


def test_the_photo_itself_follows_nobody(driver: Followed, exam: tuple[PhotoExam, Renderer]) -> None:
    examiner, renderer = exam
    still = renderer.puppet.references[0].picture
    scores = examiner.score(driver, lambda face: still)
    assert max(abs(scores["gain"][name]) for name in READINGS if scores["gain"][name] is not None) < 0.1
    assert scores["sharpness_ratio"] == pytest.approx(1, abs=0.4)  # measured where the face was to be
    assert scores["closed"] < 0.3


def test_a_copy_of_somebody_else_is_told_by_its_identity(driver: Followed, exam: tuple[PhotoExam, Renderer]) -> None:
    examiner, _ = exam
    apart = [
        metrics.vgg_dist(one, metrics.aligned(portrait(), portrait_face()), examiner._eyes) for one in driver.portraits
    ]
    assert min(apart) > 0.3  # what the distance is a share of


def test_trembling_by_hand() -> None:
    calm, restless = metrics.Trembling(), metrics.Trembling()
    ramp = np.tile(np.arange(64, dtype=np.uint8)[None, :, None], (64, 1, 3))
    for number in range(6):
        calm.add(ramp + np.uint8(2 * number))  # steady change
        restless.add(ramp + np.uint8(4 * (number % 2)))
    assert calm.mean == 0
    assert restless.mean == pytest.approx(4 / ramp[..., 0].std(), rel=1e-3)


def test_the_command_line_scores_a_photo(test_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photo, clip = tmp_path / "portrait.png", test_data / "faces" / "lp_d0.mp4"
    write_image(photo, portrait())
    words = ["--photo", photo, "--driver", clip, "--size", 128, "--frames", 8, "--features", "small", "--json"]
    assert main(["evaluate", *map(str, words)]) == 0
    scores = json.loads(capsys.readouterr().out)
    assert scores["size"] == 128 and scores["quality"] == "instant" and 0 < scores["frames"] <= 8


@pytest.mark.parametrize(
    "words", [["--photo", "a.png"], ["one.puppet"], [], ["one.puppet", "a.mp4", "--driver", "b.mp4"]]
)
def test_half_a_question_is_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", *words]) == 2
    assert "expected a puppet and a clip, or --photo and --driver" in capsys.readouterr().err


def test_a_clip_with_hardly_a_face_is_refused(character_clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CxanimError, match="too briefly"):
        Followed.read(character_clip, 2, Watch())
