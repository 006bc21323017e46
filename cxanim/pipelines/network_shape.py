"""The shape of a network as a file tells it, which anyone may have written."""

from typing import Any

from cxanim.models import CRNShape

_MOST_WIDTH, _MOST_WIDTHS = 512, 8


def shape_from_header(told: Any) -> CRNShape:
    """The shape that a header tells of.

    Raises:
        TypeError, ValueError: no such shape, or one that is too large.
    """
    shape = CRNShape(**(told | {"widths": tuple(told["widths"])}))
    if (
        not all(type(number) is int for number in (*shape.widths, shape.packed))
        or not all(0 < width <= _MOST_WIDTH for width in shape.widths)
        or not 1 <= len(shape.widths) <= _MOST_WIDTHS
        or shape.norm not in ("none", "layer")
        or shape.packed not in (1, 2, 4)
        or not isinstance(shape.align_corners, bool)
    ):
        raise ValueError("an impossible network")
    return shape
