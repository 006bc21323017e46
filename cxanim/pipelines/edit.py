"""Moves one face by hand: what sliders make of a photo or a puppet, at once, and as a picture to keep."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from cxanim.errors import BadSetting
from cxanim.images import ensure_picture_writable, from_over_white, keeps_alpha, write_image
from cxanim.motion.expression import Expression, ExpressionBasis
from cxanim.motion.retarget import Performer
from cxanim.pipelines.figure_puppet import load_face_puppet
from cxanim.pipelines.machine import Machine
from cxanim.pipelines.photo import Photo, observe_photo, photo_puppet
from cxanim.pipelines.placed_face import PlacedFace
from cxanim.pipelines.puppet_parts import PUPPET_SUFFIX, SIZES_PX
from cxanim.pipelines.render import Renderer
from cxanim.pipelines.scene import Scene
from cxanim.settings import Settings, setting

_LONGEST_SIDE_PX = 3840


@dataclass(frozen=True)
class EditSettings(Settings):
    """Which face is moved, and how finely."""

    size: int = setting(512, "side of the square round the face that is moved", choices=SIZES_PX[1:], unit="px")
    face: int = setting(
        0, "which face moves where the photo shows several, counted from left to right; 0 is the largest",
        low=0, high=8, step=1,
    )  # fmt: skip


@dataclass(frozen=True)
class Edited:
    """A picture that was made.

    Attributes:
        path: the file.
        width_px, height_px: its size.
        notes: what a person should know.
    """

    path: Path
    width_px: int
    height_px: int
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, object]:
        """As JSON shows it."""
        return vars(self) | {"path": str(self.path), "notes": list(self.notes)}


class Editor:
    """One face under the sliders; for one thread at a time.

    It holds the square round the face and nothing of the picture's size.

    Args:
        target: a photo, or a puppet's file.
        settings: which face, and how finely; a puppet has a size and a face of its own.
        device: where a puppet's network runs.
        placed: where a person has placed the face of a photo; found if None.

    Attributes:
        target, settings, placed: the same.
        notes: what a person should know.

    Raises:
        UnreadableImage, TooLarge, NoFace, BadPuppet, BadSetting.
    """

    def __init__(
        self,
        target: Path,
        settings: EditSettings | None = None,
        device: torch.device | None = None,
        *,
        placed: PlacedFace | None = None,
    ):
        self.target, self.settings, self.placed = Path(target), settings or EditSettings(), placed
        self.notes: tuple[str, ...] = ()
        self._is_photo = self.target.suffix.lower() != PUPPET_SUFFIX
        if self._is_photo:
            seen = self._observed()
            puppet = photo_puppet(seen, self.settings.size, self.target.name)
            self.notes = seen.notes
        elif placed is not None or self.settings.face:
            raise BadSetting("A puppet has one face, whose place is known.", "Name no face, or a photo.")
        else:
            puppet = load_face_puppet(self.target, "the editor")
        # Each picture stands for itself: nothing is averaged with the one before.
        self._puppet = replace(puppet, steadiness=0.0, grain=0.0)
        self._renderer = Renderer(self._puppet, device)
        self._basis, self._performer = ExpressionBasis(puppet.neutral_face), Performer(puppet.neutral_face)

    @property
    def references(self) -> int:
        """How many pictures it shows the face from: what its memory grows with."""
        return len(self._puppet.references)

    def show(self, expression: Expression) -> np.ndarray:
        """The square round the face, (S, S, 3) uint8; not to be written to."""
        return self._renderer.show(self._moved(expression))

    def still(self, expression: Expression, *, with_alpha: bool = False) -> np.ndarray:
        """The whole picture (H, W, 3), as `animate` sets the face into it; of a puppet, all it has.

        Args:
            expression: the sliders.
            with_alpha: with straight colours and an alpha, (H, W, 4), where the picture is cut out.
        """
        with_alpha = with_alpha and self._puppet.cut_out
        show = self._renderer.show_with_alpha if with_alpha else self._renderer.show
        rest, moved = show(self._puppet.neutral_face), self._moved(expression)
        picture = show(moved)
        if self._is_photo:
            scene = Scene([self._observed()], [self._puppet], [rest], _LONGEST_SIDE_PX, with_alpha=with_alpha)
            picture = scene.show([picture], [moved])
        return from_over_white(picture[..., :3], picture[..., 3]) if with_alpha else picture

    def save(self, expression: Expression, output: Path) -> Edited:
        """Write the whole picture; its ending (.png, .jpg, .webp) chooses the format.

        Raises:
            CannotWrite, UnreadableImage.
        """
        ensure_picture_writable(output)
        picture = self.still(expression, with_alpha=keeps_alpha(output))
        alpha = picture[..., 3] if picture.shape[2] == 4 else None
        write_image(output, np.ascontiguousarray(picture[..., :3]), alpha)
        return Edited(Path(output), picture.shape[1], picture.shape[0], self.notes)

    def _observed(self) -> Photo:
        return observe_photo(self.target, self.placed, self.settings.face)

    def _moved(self, expression: Expression) -> np.ndarray:
        return self._performer.face(self._basis.performance(expression))


def edit(
    target: Path,
    output: Path,
    expression: Expression | None = None,
    settings: EditSettings | None = None,
    machine: Machine | None = None,
    *,
    placed: PlacedFace | None = None,
) -> Edited:
    """Write a picture of a photo or a puppet whose face is as sliders say.

    Args:
        target: a photo, or a puppet's file.
        output: .png, .jpg or .webp.
        expression: where the sliders stand; neutral if None.
        settings: which face, and how finely.
        machine: where to compute.
        placed: where a person has placed the face of a photo; found if None.

    Raises:
        UnreadableImage, TooLarge, NoFace, BadPuppet, BadSetting, CannotWrite.
    """
    ensure_picture_writable(output)
    editor = Editor(target, settings, (machine or Machine()).prepare(), placed=placed)
    return editor.save(expression or Expression(), output)
