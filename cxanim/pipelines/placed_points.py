"""Points that a person has placed on a picture, as JSON holds them: what they may be."""

from typing import Any

_MOST_PX = 1 << 16


def place_px(name: str, place: Any) -> tuple[float, float]:
    """x and y of a point in pixels.

    Raises:
        ValueError: they are none.
    """
    if not isinstance(place, list | tuple) or len(place) != 2:
        raise ValueError(f"got no x and y for {name[:40]!r}")
    for number in place:
        if isinstance(number, bool) or not isinstance(number, int | float) or not abs(number) < _MOST_PX:
            raise ValueError(f"got {str(number)[:40]} for {name[:40]!r}, expected pixels")
    return float(place[0]), float(place[1])


def size_px(size: Any) -> tuple[int, int] | None:
    """Width and height of a picture in pixels, None where they are not said.

    Raises:
        ValueError: they are none.
    """
    if size is None:
        return None
    whole = isinstance(size, list | tuple) and len(size) == 2 and all(type(side) is int for side in size)
    if not whole or not all(0 < side < _MOST_PX for side in size):
        raise ValueError('got no size in "picture", expected its width and height')
    return size[0], size[1]
