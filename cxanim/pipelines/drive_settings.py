"""What a person can say about a drive: which part of the driver, whose face, and how it moves the target."""

from dataclasses import dataclass

from cxanim.errors import BadSetting
from cxanim.motion.expression import SLIDERS, Expression
from cxanim.motion.retarget import Gains
from cxanim.settings import Settings, setting

_SLACK_S = 0.5  # a container may promise a little more than it holds, and a person rounds


@dataclass(frozen=True)
class DriverSettings(Settings):
    """Which part of a driver is used, which of its faces, and when that is relaxed."""

    start_s: float = setting(0.0, "where the part of the driver that is used begins", low=0, unit="s", label="From")
    end_s: float | None = setting(
        None, "where the part of the driver that is used ends; left out, at the driver's end", low=0, unit="s",
        label="To",
    )  # fmt: skip
    driver_face: int = setting(
        0, "which face drives where several are seen, counted from left to right; 0 is the largest",
        low=0, high=8, step=1,
    )  # fmt: skip
    neutral_s: float | None = setting(
        None, "when the driver's face is relaxed, anywhere in it: 0 for the first frame; left out, it is chosen",
        low=0, unit="s", label="Relaxed at",
    )  # fmt: skip

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.end_s is not None and self.end_s <= self.start_s:
            raise BadSetting(f"end_s: got {self.end_s:g} s, expected more than start_s, {self.start_s:g} s.")


@dataclass(frozen=True)
class DriveSettings(Gains, DriverSettings):
    """How a driver moves a puppet."""

    absolute: bool = setting(
        False, "take the turn of the driver's head, its lids, gaze and gap of the lips as they are, not their change"
    )
    smoothing: float = setting(0.5, "how calm the motion is made; 0 keeps every tremble", low=0, high=4, step=0.1)
    moving_background: bool = setting(False, "let the background follow the head instead of standing still")
    loops: int = setting(1, "how often a preset or the expression of a still is repeated", low=1, high=20, step=1)
    seamless: bool = setting(False, "let the end of a video or a motion pass into its beginning, for endless repeating")
    offsets: str = setting(
        "", f"sliders added to what the driver does, as smile=0.3,yaw_deg=5; there are {', '.join(SLIDERS)}"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        Expression.from_text(self.offsets)

    @property
    def added(self) -> Expression:
        """What `offsets` says."""
        return Expression.from_text(self.offsets)

    @property
    def gains(self) -> Gains:
        """The gains alone."""
        return Gains(self.head, self.brows, self.eyes, self.gaze, self.mouth)


def check_times(settings: DriverSettings, length_s: float, name: str) -> None:
    """Refuse times that a driver of so many seconds does not have.

    Raises:
        BadSetting: which, and how long the driver is.
    """
    for knob, time_s, most_s in (
        ("start_s", settings.start_s, length_s),
        ("end_s", settings.end_s, length_s + _SLACK_S),
        ("neutral_s", settings.neutral_s, length_s),
    ):
        if time_s is not None and time_s > 0 and time_s >= most_s:
            raise BadSetting(f"{knob}: got {time_s:g} s, but {name} is only {length_s:.1f} s long.")
