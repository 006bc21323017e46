"""Pictures in and out: bounded, upright, 8-bit sRGB, whatever the file was.

Convention:
    Arrays are uint8 (H, W, 3), RGB, row 0 at the top, as a person sees the picture (EXIF rotation applied).
"""

import io
import os
import re
import struct
import warnings
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageCms

from cxanim.errors import CannotWrite, TooLarge, UnreadableImage
from cxanim.input import size_of_file
from cxanim.limits import Limits
from cxanim.output import atomic_output, ensure_writable

SMALLEST_SIDE_PX = 32

# A fixed list keeps Pillow from handing a file to another program, as it does for PostScript.
_READ_FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "AVIF", "GIF", "BMP", "TIFF", "PPM", "JPEG2000")
_WRITTEN_FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}
_ANIMATED = ("GIF", "WEBP", "PNG", "AVIF")  # several pictures in any other file are not one after another in time
_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
# What Pillow's decoders raise on damaged data, besides OSError.
_DAMAGE = (
    OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, OverflowError, RuntimeError,
    struct.error,
)  # fmt: skip
_SAVE_AS = "Save it as JPEG or PNG and try again."

# Between once and twice its limit Pillow only warns, on stderr; we say it in words.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)

_ORIENTATION_TAG = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True)
class ReadImage:
    """A picture as it was read.

    Attributes:
        rgb: (H, W, 3) uint8; colours are straight, not multiplied by alpha.
        alpha: (H, W) uint8, 255 where the picture is opaque, or None where it is opaque everywhere.
    """

    rgb: np.ndarray
    alpha: np.ndarray | None


def read_image(path: str | os.PathLike[str], limits: Limits | None = None) -> ReadImage:
    """Read a picture of any common kind; its content decides what it is, not its ending.

    Greyscale, palette, 16-bit, CMYK and colour-managed pictures come out as 8-bit sRGB; the first picture of an
    animation is taken. Size in bytes and pixels is checked before anything is decoded.

    Args:
        path: the file.
        limits: largest accepted size; `Limits.from_environment()` by default.

    Raises:
        UnreadableImage: missing, empty, damaged, no picture, HEIC, or a side under 32 px.
        TooLarge: more bytes or pixels than the limits allow.
    """
    path = Path(path)
    limits = limits or Limits.from_environment()
    _check_bytes(path, limits)
    Image.MAX_IMAGE_PIXELS = round(limits.megapixels * 1e6)  # Pillow's own guard: an error from twice as many on
    try:
        with path.open("rb") as file:
            _refuse_heic(path, file.read(64))
            file.seek(0)
            with Image.open(file, formats=_formats_at_hand()) as image:
                _check_pixels(path, image.size, limits)
                image.load()
                return _as_rgb(path, image)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_many_pixels(path, _pixels_named_in(error), limits) from error
    except Image.UnidentifiedImageError as error:
        raise UnreadableImage(f"{path.name} is not a picture that can be read.", _SAVE_AS) from error
    except _DAMAGE as error:
        problem = f"{path.name} is damaged or cut short ({error})."
        raise UnreadableImage(problem, "Export or download it again.") from error


def as_seen(picture: ReadImage) -> np.ndarray:
    """A picture (H, W, 3) as it is usually looked at: what is clear in it before white."""
    return picture.rgb if picture.alpha is None else over_white(picture.rgb, picture.alpha)


def over_white(rgb: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """A picture (H, W, 3) before a white wall, as a cut-out (alpha: (H, W) uint8) is usually looked at."""
    share = alpha[..., None].astype(np.float32) / 255
    return np.round(rgb * share + 255 * (1 - share)).astype(np.uint8)


def from_over_white(rgb: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """A picture (H, W, 4) with straight colours that looks, before a white wall, like `rgb`: `over_white` undone.

    Args:
        rgb: (H, W, 3) uint8, the picture before a white wall.
        alpha: (H, W) uint8, how much of it is the picture rather than the wall.
    """
    share = np.maximum(alpha, 1)[..., None].astype(np.float32) / 255
    straight = np.round(255 - (255 - rgb.astype(np.float32)) / share).clip(0, 255).astype(np.uint8)
    return np.dstack([straight, alpha])


def fitted(picture: np.ndarray, longest_px: int, *, enlarges: bool = True) -> np.ndarray:
    """A picture (H, W) or (H, W, C) made smaller or larger until its longest side has so many pixels.

    Args:
        picture: any.
        longest_px: of the result.
        enlarges: whether one that is smaller is made larger.
    """
    scale = longest_px / max(picture.shape[:2])
    if scale == 1 or (scale > 1 and not enlarges):
        return picture
    height, width = (max(1, round(side * scale)) for side in picture.shape[:2])
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)


def count_pictures(path: str | os.PathLike[str]) -> int:
    """How many pictures a file holds by its head: 1 for a photo, more for an animation, 0 for anything else."""
    try:
        with Image.open(path, formats=_formats_at_hand()) as image:
            return int(getattr(image, "n_frames", 1)) if image.format in _ANIMATED else 1
    except (*_DAMAGE, Image.DecompressionBombError, Image.DecompressionBombWarning):
        return 0


def write_image(path: str | os.PathLike[str], rgb: np.ndarray, alpha: np.ndarray | None = None) -> None:
    """Write a picture; its ending (.png, .jpg, .jpeg, .webp) chooses the format.

    Args:
        path: where; the folder must exist.
        rgb: (H, W, 3) uint8.
        alpha: (H, W) uint8, for the formats that keep it (see `keeps_alpha`), with straight colours.

    Raises:
        CannotWrite: unknown ending, full disk, missing or unwritable folder.
    """
    _require_rgb(rgb)
    if alpha is not None and (alpha.shape != rgb.shape[:2] or not keeps_alpha(path)):
        raise ValueError(f"alpha: got {alpha.shape} for {rgb.shape} in {Path(path).suffix}, expected (H, W), no JPEG")
    kind = _format_of(Path(path))
    with atomic_output(path) as temporary:
        picture = rgb if alpha is None else np.dstack([rgb, alpha])
        Image.fromarray(picture).save(temporary, format=kind, quality=95)


def keeps_alpha(path: str | os.PathLike[str]) -> bool:
    """Whether a picture with this ending can be transparent."""
    return _WRITTEN_FORMATS.get(Path(path).suffix.lower()) in ("PNG", "WEBP")


def is_picture_name(path: str | os.PathLike[str]) -> bool:
    """Whether the ending of a result asks for a picture."""
    return Path(path).suffix.lower() in _WRITTEN_FORMATS


def ensure_picture_writable(path: str | os.PathLike[str]) -> None:
    """Find out before the work whether a picture can be written at `path`.

    Raises:
        CannotWrite: another ending, or a place that cannot be written.
    """
    _format_of(Path(path))
    ensure_writable(path)


def encode_jpeg(rgb: np.ndarray, quality: int = 90) -> bytes:
    """Compress a picture to JPEG without subsampling its colours.

    Args:
        rgb: (H, W, 3) uint8.
        quality: 1 to 95.
    """
    _require_rgb(rgb)
    if not 1 <= quality <= 95:
        raise ValueError(f"quality: got {quality}, expected 1 to 95")
    # The same bytes as Pillow's, in half the time.
    how = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    return cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), how)[1].tobytes()


def decode_jpeg(data: bytes, max_pixels: int = 4096 * 4096) -> np.ndarray:
    """Decompress a JPEG that came inside another file.

    Args:
        data: the JPEG's bytes.
        max_pixels: largest accepted width times height, checked before decoding.

    Returns:
        (H, W, 3) uint8 RGB, with nothing rotated.

    Raises:
        UnreadableImage: no JPEG, damaged, or too many pixels.
    """
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
            width_px, height_px = image.size
            if width_px * height_px > max_pixels:
                raise ValueError(f"{width_px}x{height_px} px, allowed are {max_pixels} pixels")
            return np.array(image.convert("RGB"))
    except (*_DAMAGE, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise UnreadableImage(f"A stored picture cannot be read ({error}).", "Make the file again.") from error


def decode_camera_jpeg(data: bytes, max_pixels: int) -> np.ndarray:
    """Decompress a JPEG of which there will be thirty a second: as `decode_jpeg`, in half its time.

    What is damaged in the middle is shown as it is, since the next one is near; one that ends too early is none.
    """
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
            width_px, height_px = image.size
    except (*_DAMAGE, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise UnreadableImage(f"A frame of the camera cannot be read ({error}).", "Load the page again.") from error
    if width_px * height_px > max_pixels:
        raise UnreadableImage(f"A frame of {width_px} x {height_px} px is too large.", "Load the page again.")
    rgb = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION)
    if rgb is None:
        raise UnreadableImage("A frame of the camera is damaged.", "Load the page again.")
    return rgb


def _format_of(path: Path) -> str:
    kind = _WRITTEN_FORMATS.get(path.suffix.lower())
    if kind is None:
        problem = f"{path.name}: pictures cannot be written with the ending {path.suffix!r}."
        raise CannotWrite(problem, f"Use one of {', '.join(_WRITTEN_FORMATS)}.")
    return kind


def _check_bytes(path: Path, limits: Limits) -> None:
    size = size_of_file(path, "picture", UnreadableImage)
    if size > limits.image_mb * 1e6:
        problem = f"{path.name} has {size / 1e6:.1f} MB; the limit is {limits.image_mb:g} MB."
        raise TooLarge(problem, "Make it smaller, or raise CXANIM_MAX_IMAGE_MB.")


def _refuse_heic(path: Path, head: bytes) -> None:
    brand, others = head[8:12], head[16:]
    if head[4:8] == b"ftyp" and brand in _HEIC_BRANDS and b"avif" not in others:
        raise UnreadableImage(f"{path.name} is a HEIC picture, which cannot be read here.", _SAVE_AS)


def _formats_at_hand() -> list[str]:
    Image.init()
    return [name for name in _READ_FORMATS if name in Image.OPEN]


def _check_pixels(path: Path, size: tuple[int, int], limits: Limits) -> None:
    width_px, height_px = size
    if width_px * height_px > limits.megapixels * 1e6:
        raise _too_many_pixels(path, width_px * height_px, limits)
    if min(size) < SMALLEST_SIDE_PX:
        problem = f"{path.name} is only {width_px}x{height_px} px."
        raise UnreadableImage(problem, f"Use a picture with sides of at least {SMALLEST_SIDE_PX} px.")


def _too_many_pixels(path: Path, pixels: int, limits: Limits) -> TooLarge:
    problem = f"{path.name} has {pixels / 1e6:.1f} megapixels; the limit is {limits.megapixels:g}."
    return TooLarge(problem, "Make it smaller, or raise CXANIM_MAX_MEGAPIXELS.")


def _pixels_named_in(error: Exception) -> int:
    # Pillow refuses enormous pictures by itself, before their size can be asked for.
    found = re.search(r"\((\d+) pixels\)", str(error))
    return int(found.group(1)) if found else 0


def _as_rgb(path: Path, image: Image.Image) -> ReadImage:
    turn = _UPRIGHT.get(image.getexif().get(_ORIENTATION_TAG, 1))
    profile = image.info.get("icc_profile")
    alpha = None
    if image.mode.startswith("I"):
        image = Image.fromarray((np.clip(np.asarray(image), 0, 65535) / 257 + 0.5).astype(np.uint8))
    elif image.mode == "F":
        raise UnreadableImage(f"{path.name} holds floating-point numbers.", _SAVE_AS)
    elif image.has_transparency_data:
        image = image.convert("RGBA")
        alpha = image.getchannel("A")
        image = image.convert("RGB")
    elif image.mode == "P":
        image = image.convert("RGB")
    image = _to_srgb(image, profile).convert("RGB")
    if turn is not None:
        image = image.transpose(turn)
        alpha = alpha.transpose(turn) if alpha else None
    opaque = alpha is None or alpha.getextrema() == (255, 255)
    return ReadImage(rgb=np.array(image), alpha=None if opaque else np.array(alpha))


def _to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    if not profile or image.mode not in ("RGB", "CMYK", "L"):
        return image
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        return ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB") or image
    except (ImageCms.PyCMSError, OSError):
        # A picture with a broken profile is shown as everyone else shows it: as if it had none.
        return image


def _require_rgb(rgb: np.ndarray) -> None:
    if not isinstance(rgb, np.ndarray) or rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3 or not rgb.size:
        got = f"{rgb.dtype} {rgb.shape}" if isinstance(rgb, np.ndarray) else type(rgb).__name__
        raise ValueError(f"rgb: got {got}, expected uint8 (H, W, 3)")
