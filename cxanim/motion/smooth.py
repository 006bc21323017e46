"""Calm landmarks: the one-euro filter for a stream; gap filling and loops for a recording.

Source: G. Casiez, N. Roussel, D. Vogel, "1 Euro Filter: A Simple Speed-based Low-pass Filter for Noisy Input in
Interactive Systems", CHI 2012. A slow signal is smoothed much, a fast one hardly, so that rest does not tremble and
motion does not lag.
"""

from collections.abc import Iterable, Iterator

import numpy as np


class OneEuro:
    """Filters one array of numbers through time.

    Args:
        strength: 0 lets everything through, 1 is a good default for landmarks normalised to a crop, more is calmer.
        beta: how quickly smoothing gives way to speed, per unit of speed.
        speed_cutoff_hz: cutoff for the estimate of the speed.
    """

    def __init__(self, strength: float = 1.0, beta: float = 60.0, speed_cutoff_hz: float = 1.0):
        if strength < 0:
            raise ValueError(f"strength: got {strength}, expected 0 or more")
        self.strength, self.beta, self.speed_cutoff_hz = strength, beta, speed_cutoff_hz
        self._value: np.ndarray | None = None
        self._speed: np.ndarray | None = None

    def __call__(self, value: np.ndarray, step_s: float) -> np.ndarray:
        """The calmed value, `step_s` seconds after the one before."""
        if self.strength == 0:
            return value
        if self._value is None or self._speed is None:
            self._value, self._speed = value.astype(np.float64), np.zeros_like(value, dtype=np.float64)
            return value
        speed = (value - self._value) / step_s
        self._speed += _alpha(self.speed_cutoff_hz, step_s) * (speed - self._speed)
        cutoff = (3.0 + self.beta * np.abs(self._speed)) / self.strength
        self._value += _alpha(cutoff, step_s) * (value - self._value)
        return self._value.astype(value.dtype)

    def reset(self) -> None:
        """Forget the past, as after a cut."""
        self._value = self._speed = None


def _alpha(cutoff_hz: np.ndarray | float, step_s: float) -> np.ndarray | float:
    """Weight of the new value in a first-order low-pass filter."""
    tau = 1.0 / (2 * np.pi * np.asarray(cutoff_hz))
    return 1.0 / (1.0 + tau / step_s)


def smooth_track(track: np.ndarray, fps: float, strength: float = 1.0) -> np.ndarray:
    """Calm a recording (T, N, D) without delay: the filter runs forwards and backwards, and the two are averaged.

    Missing frames (NaN) stay missing, and each stretch between them is calmed by itself. A frame equal to the one
    before it repeats it, as in a film of 24 pictures shown at 30: it stays equal, or what stands would creep.
    """
    if strength == 0:
        return track
    calm = track.copy()
    seen = ~np.isnan(track).any(axis=(1, 2))
    for stretch in np.split(np.arange(len(track)), np.flatnonzero(np.diff(seen)) + 1):
        if len(stretch) and seen[stretch[0]]:
            values = track[stretch]
            fresh = np.concatenate([[True], (values[1:] != values[:-1]).any(axis=(1, 2))])
            calm[stretch] = _calmed(values[fresh], np.flatnonzero(fresh) / fps, strength)[np.cumsum(fresh) - 1]
    return calm


def _calmed(values: np.ndarray, times_s: np.ndarray, strength: float) -> np.ndarray:
    """Values (T, N, D) at their times, without tremble and without delay."""
    if len(values) < 3:
        return values

    def one_way(values: np.ndarray, steps_s: np.ndarray) -> np.ndarray:
        euro = OneEuro(strength)
        return np.stack([euro(value, step_s) for value, step_s in zip(values, [1.0, *steps_s], strict=True)])

    steps_s = np.diff(times_s)
    return (one_way(values, steps_s) + one_way(values[::-1], steps_s[::-1])[::-1]) / 2


def fill_gaps(track: np.ndarray, longest: int | None = None) -> np.ndarray:
    """Fill missing frames (all NaN) of a recording (T, N, D) on a straight line between their neighbours.

    Frames before the first and after the last one seen keep the nearest. Gaps of more than `longest` frames, those at
    the ends too, stay missing. A recording with nothing in it comes back as it is.
    """
    seen = np.flatnonzero(~np.isnan(track).any(axis=(1, 2)))
    if not len(seen) or len(seen) == len(track):
        return track
    frames = np.arange(len(track))
    flat = track.reshape(len(track), -1)
    filled = np.stack([np.interp(frames, seen, flat[seen, column]) for column in range(flat.shape[1])], axis=1)
    filled = filled.reshape(track.shape).astype(track.dtype)
    if longest is not None:
        edges = np.concatenate([[-1], seen, [len(track)]])
        after = np.searchsorted(edges, frames)
        too_wide = (edges[after] - edges[after - 1] - 1 > longest) & np.isnan(track).any(axis=(1, 2))
        filled[too_wide] = np.nan
    return filled


def faded_into_its_beginning(track: Iterable[np.ndarray], frames: int, fade: int) -> Iterator[np.ndarray]:
    """A loop made of a recording: its last frames pass into its first ones, which are left out where they were.

    So both the place and the speed of every point go on where the loop begins again.

    Args:
        track: (N, D) points of each frame, in order.
        frames: how many they are.
        fade: over how many frames the end passes into the beginning; `frames - fade` come out.
    """
    if not 0 <= fade <= frames // 2:
        raise ValueError(f"fade: got {fade}, expected 0 to half of {frames} frames")
    beginning: list[np.ndarray] = []
    for number, points in enumerate(track):
        share = (number - (frames - fade) + 1) / (fade + 1)
        if number < fade:
            beginning.append(points)
        elif share <= 0:
            yield points
        else:
            share = share * share * (3 - 2 * share)
            mixed = (1 - share) * points + share * beginning[number - (frames - fade)]
            yield mixed.astype(points.dtype)
