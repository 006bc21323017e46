"""The motions that come with the program: keyframes of a few sliders, each a loop that ends where it began.

A track says where its slider stands at which second; in between it eases in and out.
"""

from cxanim.motion.keyframes import Keyframe, KeyframedMotion

Track = dict[float, float]


def _preset(name: str, description: str, duration_s: float, **tracks: Track) -> KeyframedMotion:
    sliders: dict[float, dict[str, float]] = {}
    for slider, track in tracks.items():
        for time_s, value in track.items():
            sliders.setdefault(time_s, {})[slider] = value
    keyframes = tuple(Keyframe(time_s, sliders[time_s]) for time_s in sorted(sliders))
    return KeyframedMotion(name, description, duration_s, keyframes)


def _blinks(*times_s: float) -> Track:
    """Quick blinks, shut at these times: what keeps a face alive. Lids fall faster than they rise."""
    shut: Track = {}
    for time_s in times_s:
        shut |= {round(time_s - 0.11, 3): 0, time_s: 1, round(time_s + 0.15, 3): 0}
    return shut


def _held(value: float, start_s: float, end_s: float, ease_s: float = 0.25) -> Track:
    """From neutral to a value and back within these times."""
    return {start_s: 0, round(start_s + ease_s, 3): value, round(end_s - ease_s, 3): value, end_s: 0}


PRESETS: dict[str, KeyframedMotion] = {
    preset.name: preset
    for preset in (
        _preset(
            "nod", "nods yes, twice", 2.0,
            pitch_deg={0: 0, 0.3: -7, 0.75: 9, 1.25: -9, 1.67: 7, 1.96: 0},
            down={0: 0, 0.3: 0.04, 0.75: -0.05, 1.25: 0.05, 1.67: -0.04, 1.96: 0},
            smile=_held(0.25, 0.2, 1.8, 0.5),
            blink=_blinks(1.0),
        ),
        _preset(
            "shake", "shakes the head, no", 2.0,
            yaw_deg={0: 0, 0.3: 10.5, 0.75: -13, 1.25: 13, 1.67: -10.5, 1.96: 0},
            gaze_right={0: 0, 0.3: -0.24, 0.75: 0.3, 1.25: -0.3, 1.67: 0.24, 1.96: 0},
            frown=_held(0.4, 0.2, 1.8, 0.4),
            blink=_blinks(0.9),
        ),
        _preset(
            "look-around", "looks to one side, the other, and up", 4.0,
            yaw_deg=_held(14, 0.3, 1.3, 0.4) | _held(-14, 1.6, 2.7, 0.4),
            gaze_right=_held(0.9, 0.2, 1.2, 0.15) | _held(-0.9, 1.5, 2.6, 0.15),
            pitch_deg=_held(8, 3.0, 3.7, 0.3),
            gaze_down=_held(-0.8, 3.0, 3.7, 0.3),
            brows=_held(0.5, 3.0, 3.7, 0.3),
            blink=_blinks(0.25, 1.5, 2.9),
        ),
        _preset(
            "blink", "blinks three times", 2.0,
            pitch_deg={0: 0, 1: 2, 2: 0},
            smile={0: 0.1},
            blink=_blinks(0.51, 1.35, 1.61),
        ),
        _preset(
            "wink", "winks with the left eye, and smiles", 2.0,
            blink_left=_held(1, 0.5, 1.1, 0.14),
            blink_right=_held(0.12, 0.5, 1.1, 0.14),
            brow_left=_held(-0.3, 0.5, 1.1, 0.14),
            smile=_held(0.75, 0.35, 1.5, 0.3),
            roll_deg=_held(6, 0.4, 1.4, 0.35),
        ),
        _preset(
            "smile", "breaks into a smile", 3.0,
            smile=_held(1, 0.2, 2.4, 0.55),
            jaw=_held(0.04, 0.2, 2.4, 0.55),
            brows=_held(0.25, 0.2, 2.4, 0.55),
            pitch_deg=_held(3, 0.2, 2.4, 0.55),
            blink=_blinks(0.3, 2.3),
        ),
        _preset(
            "talk", "says a short sentence", 3.0,
            jaw={
                0: 0, 0.2: 0.44, 0.34: 0.13, 0.41: 0.2, 0.49: 0.14, 0.62: 0.56, 0.76: 0.11, 0.85: 0.24, 0.94: 0.15,
                1.05: 0.4, 1.25: 0, 1.45: 0.28, 1.53: 0.2, 1.65: 0.6, 1.8: 0.09, 1.88: 0.16, 1.97: 0.1, 2.1: 0.48,
                2.22: 0.18, 2.32: 0.32, 2.45: 0.06, 2.55: 0.12, 2.72: 0,
            },
            # Lips are spread in some syllables and rounded in others.
            smile={
                0: 0, 0.2: 0.09, 0.34: 0, 0.6: 0, 0.85: 0.24, 0.98: 0, 1.25: 0, 1.45: 0.2, 1.65: 0, 2: 0, 2.12: 0.14,
                2.32: 0.1, 2.45: 0,
            },
            pucker={
                0.25: 0, 0.41: 0.4, 0.57: 0, 0.96: 0, 1.06: 0.19, 1.24: 0, 1.66: 0, 1.88: 0.47, 2.04: 0, 2.4: 0,
                2.55: 0.28, 2.76: 0,
            },
            yaw_deg={0: 0, 0.75: 4, 2.25: -4, 2.9: 0},
            pitch_deg={0: 0, 0.375: 3, 1.125: -3, 1.875: 3, 2.6: -3, 2.9: 0},
            brows={0.2: 0, 0.65: 0.5, 1.15: 0, 1.35: 0, 1.7: 0.4, 2.05: 0},
            blink=_blinks(1.28, 2.75),
        ),
        _preset(
            "surprise", "is astonished", 2.2,
            jaw=_held(0.75, 0.42, 1.7, 0.18),
            brows=_held(1, 0.42, 1.7, 0.18),
            pucker=_held(0.25, 0.42, 1.7, 0.18),
            pitch_deg=_held(4, 0.42, 1.7, 0.18),
            down=_held(-0.05, 0.42, 1.7, 0.18),
            blink=_blinks(0.25) | _held(-0.35, 0.42, 1.7, 0.18) | _blinks(1.95),
        ),
        _preset(
            "doze", "nearly falls asleep", 4.0,
            blink={0: 0, 1.85: 1, 2.15: 1, 4: 0},
            pitch_deg={0: 0, 2: -10, 4: 0},
            roll_deg={0: 0, 2: 5, 4: 0},
            down={0: 0, 2: 0.06, 4: 0},
            jaw={0: 0, 2: 0.08, 4: 0},
            brows={0: 0.3, 2: 0, 4: 0.3},
        ),
        _preset(
            "idle", "breathes, blinks and looks about", 4.0,
            pitch_deg={0: 0, 1.8: 2.5, 4: 0},
            down={0: 0, 1.8: -0.025, 4: 0},
            yaw_deg={0: 0, 2.3: -4.8, 4: 0},
            gaze_right={0: 0, 2.3: 0.19, 4: 0},
            smile={0: 0.12},
            blink=_blinks(1.1, 3.2),
        ),
    )
}  # fmt: skip
