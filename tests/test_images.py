"""Pictures of every kind come in as upright 8-bit sRGB, and bad ones are refused with a sentence."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from cxanim.errors import CannotWrite, TooLarge, UnreadableImage
from cxanim.images import (
    count_pictures,
    decode_camera_jpeg,
    decode_jpeg,
    encode_jpeg,
    over_white,
    read_image,
    write_image,
)
from cxanim.limits import Limits


@pytest.fixture
def rgb() -> np.ndarray:
    """A smooth picture, 64 wide and 48 high, whose four corners differ."""
    across, down = np.meshgrid(np.linspace(20, 220, 64), np.linspace(30, 230, 48))
    return np.stack([across, down, np.full_like(across, 128)], axis=-1).round().astype(np.uint8)


def test_returns_what_was_written(tmp_path: Path, rgb: np.ndarray) -> None:
    write_image(tmp_path / "a.png", rgb)
    image = read_image(tmp_path / "a.png")
    assert image.alpha is None and image.rgb.flags.writeable
    np.testing.assert_array_equal(image.rgb, rgb)


@pytest.mark.parametrize("name", ["a.jpg", "a.JPEG", "a.webp"])
def test_writes_compressed_formats_closely(tmp_path: Path, rgb: np.ndarray, name: str) -> None:
    write_image(tmp_path / name, rgb)
    assert np.abs(read_image(tmp_path / name).rgb.astype(int) - rgb).mean() < 3


def test_believes_the_content_and_not_the_ending(tmp_path: Path, rgb: np.ndarray) -> None:
    Image.fromarray(rgb).save(tmp_path / "really_png.jpg", format="PNG")
    np.testing.assert_array_equal(read_image(tmp_path / "really_png.jpg").rgb, rgb)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turns_a_phone_picture_upright(tmp_path: Path, rgb: np.ndarray, orientation: int) -> None:
    # How a camera stores an upright scene for each EXIF orientation: row 0 and column 0 of what is stored
    # are top/left (1), top/right (2), bottom/right (3), ... of the scene.
    stored = {
        1: rgb,
        2: rgb[:, ::-1],
        3: rgb[::-1, ::-1],
        4: rgb[::-1],
        5: rgb.transpose(1, 0, 2),
        6: rgb.transpose(1, 0, 2)[::-1],
        7: rgb.transpose(1, 0, 2)[::-1, ::-1],
        8: rgb.transpose(1, 0, 2)[:, ::-1],
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(np.ascontiguousarray(stored)).save(tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png").rgb, rgb)


def test_separates_alpha_and_keeps_colours_straight(tmp_path: Path, rgb: np.ndarray) -> None:
    alpha = np.tile(np.linspace(0, 255, 64).astype(np.uint8), (48, 1))
    Image.fromarray(np.dstack([rgb, alpha])).save(tmp_path / "a.png")
    image = read_image(tmp_path / "a.png")
    np.testing.assert_array_equal(image.rgb, rgb)
    np.testing.assert_array_equal(image.alpha, alpha)


def test_reports_no_alpha_where_all_is_opaque(tmp_path: Path, rgb: np.ndarray) -> None:
    Image.fromarray(np.dstack([rgb, np.full(rgb.shape[:2], 255, np.uint8)])).save(tmp_path / "a.png")
    assert read_image(tmp_path / "a.png").alpha is None


def test_reads_a_palette_with_a_transparent_colour(tmp_path: Path) -> None:
    indices = np.zeros((40, 40), np.uint8)
    indices[:, 20:] = 1
    image = Image.frombytes("P", (40, 40), indices.tobytes())
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.save(tmp_path / "a.png", transparency=1)
    read = read_image(tmp_path / "a.png")
    assert read.rgb[0, 0].tolist() == [255, 0, 0] and read.rgb[0, 39].tolist() == [0, 0, 255]
    assert read.alpha is not None and read.alpha[0].tolist() == [255] * 20 + [0] * 20


@pytest.mark.parametrize("mode", ["L", "1", "LA"])
def test_reads_grey_as_equal_channels(tmp_path: Path, rgb: np.ndarray, mode: str) -> None:
    Image.fromarray(rgb).convert(mode).save(tmp_path / "a.png")
    read = read_image(tmp_path / "a.png").rgb
    assert read.shape == rgb.shape and read.std() > 10
    assert np.ptp(read, axis=-1).max() == 0


@pytest.mark.parametrize("ending", ["png", "tiff"])
def test_scales_16_bit_grey_to_8_bit(tmp_path: Path, ending: str) -> None:
    ramp = np.tile(np.linspace(0, 65535, 64).astype(np.uint16), (40, 1))
    Image.fromarray(ramp).save(tmp_path / f"a.{ending}")
    read = read_image(tmp_path / f"a.{ending}").rgb
    np.testing.assert_array_equal(read[..., 1], np.round(ramp / 257).astype(np.uint8))


def test_scales_16_bit_colour_to_8_bit(tmp_path: Path, rgb: np.ndarray) -> None:
    rows = [b"\x00" + row.astype(">u2").tobytes() for row in rgb.astype(np.uint16) * 257]
    header = struct.pack(">IIBBBBB", rgb.shape[1], rgb.shape[0], 16, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"".join(rows))), (b"IEND", b"")]
    png = b"".join(struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in chunks)
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + png)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png").rgb, rgb)


def test_reads_cmyk(tmp_path: Path) -> None:
    red = Image.new("CMYK", (40, 40), (0, 255, 255, 0))
    red.save(tmp_path / "a.jpg")
    assert np.abs(read_image(tmp_path / "a.jpg").rgb.astype(int) - [255, 0, 0]).max() < 8


def test_applies_a_colour_profile(tmp_path: Path) -> None:
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red_tag, green_tag = profile.index(b"rXYZ"), profile.index(b"gXYZ")
    profile[red_tag : red_tag + 4], profile[green_tag : green_tag + 4] = b"gXYZ", b"rXYZ"
    Image.new("RGB", (40, 40), (255, 0, 0)).save(tmp_path / "a.png", icc_profile=bytes(profile))
    assert np.abs(read_image(tmp_path / "a.png").rgb.astype(int) - [0, 255, 0]).max() <= 2


def test_passes_over_a_profile_that_cannot_fit(tmp_path: Path, rgb: np.ndarray) -> None:
    for profile in (ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes(), b"no profile"):
        Image.fromarray(rgb).save(tmp_path / "a.png", icc_profile=profile)
        np.testing.assert_array_equal(read_image(tmp_path / "a.png").rgb, rgb)


def test_reads_the_first_picture_of_an_animation(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (40, 40), colour) for colour in ((255, 0, 0), (0, 0, 255))]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert read_image(tmp_path / "a.gif").rgb[20, 20].tolist() == [255, 0, 0]


def test_reads_every_real_portrait(test_data: Path) -> None:
    portraits = sorted((test_data / "portraits").iterdir())
    assert len(portraits) > 10
    for portrait in portraits[::6]:
        assert read_image(portrait).rgb.std() > 5


def heic() -> bytes:
    return struct.pack(">I", 24) + b"ftypheic" + b"\0\0\0\0" + b"mif1heic" + bytes(200)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"just some words, no picture at all", "not a picture"),
        (heic(), "HEIC.*JPEG or PNG"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 64\n", "not a picture"),
    ],
)
def test_refuses_what_is_no_picture(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "a.jpg").write_bytes(content)
    with pytest.raises(UnreadableImage, match=words) as caught:
        read_image(tmp_path / "a.jpg")
    assert "a.jpg" in caught.value.problem and caught.value.next_step


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_refuses_a_picture_that_is_cut_short(tmp_path: Path, kind: str, share: float) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, format=kind)
    whole = buffer.getvalue()
    (tmp_path / "a").write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(UnreadableImage):
        read_image(tmp_path / "a")


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow grumbles about damage that it survives.
def test_never_fails_with_anything_but_a_sentence_on_damaged_files(tmp_path: Path, rgb: np.ndarray) -> None:
    random = np.random.default_rng(1)
    refused = 0
    for kind in ("JPEG", "PNG", "GIF", "WEBP", "TIFF"):
        buffer = io.BytesIO()
        exif = Image.Exif()
        exif[0x0112] = 6
        Image.fromarray(rgb).save(buffer, format=kind, **({} if kind in ("GIF", "TIFF") else {"exif": exif}))
        for _ in range(40):
            damaged = bytearray(buffer.getvalue())
            for place in random.integers(0, min(len(damaged), 600), 4):
                damaged[place] = random.integers(0, 256)
            (tmp_path / "a").write_bytes(damaged)
            try:
                read_image(tmp_path / "a")
            except (UnreadableImage, TooLarge):
                refused += 1
    assert refused > 20


def test_refuses_a_tiny_picture(tmp_path: Path) -> None:
    Image.new("RGB", (31, 400)).save(tmp_path / "a.png")
    with pytest.raises(UnreadableImage, match="31x400 px.*32 px"):
        read_image(tmp_path / "a.png")


def test_refuses_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(UnreadableImage, match="no file"):
        read_image(tmp_path / "a.png")
    with pytest.raises(UnreadableImage, match="is a folder"):
        read_image(tmp_path)


def test_refuses_too_many_bytes_naming_size_and_limit(tmp_path: Path, rgb: np.ndarray) -> None:
    Image.fromarray(rgb).save(tmp_path / "a.bmp")
    with pytest.raises(TooLarge, match=r"0\.0 MB; the limit is 0\.001 MB.*CXANIM_MAX_IMAGE_MB"):
        read_image(tmp_path / "a.bmp", Limits(image_mb=0.001))


@pytest.mark.parametrize("side_px", [8_000, 11_000, 60_000])
def test_refuses_too_many_pixels_before_decoding_them(tmp_path: Path, side_px: int) -> None:
    header = struct.pack(">IIBBBBB", side_px, side_px, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + b"IHDR" + header + struct.pack(">I", zlib.crc32(b"IHDR" + header))
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I", 0) + b"IDAT" + bytes(4))
    with pytest.raises(TooLarge, match=rf"{side_px**2 / 1e6:.1f} megapixels; the limit is 50\."):
        read_image(tmp_path / "a.png")


def test_refuses_to_write_an_unknown_ending_and_names_the_known(tmp_path: Path, rgb: np.ndarray) -> None:
    with pytest.raises(CannotWrite, match=r"'\.xyz'.*\.png, \.jpg"):
        write_image(tmp_path / "a.xyz", rgb)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("wrong", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.float32), "picture"])
def test_names_what_is_wrong_with_an_array(tmp_path: Path, wrong: object) -> None:
    with pytest.raises(ValueError, match=r"expected uint8 \(H, W, 3\)"):
        write_image(tmp_path / "a.png", wrong)


def test_jpeg_comes_back_nearly_the_same(rgb: np.ndarray) -> None:
    data = encode_jpeg(rgb, quality=95)
    assert data[:2] == b"\xff\xd8"
    assert np.abs(decode_jpeg(data).astype(int) - rgb).mean() < 1.5
    assert len(encode_jpeg(rgb, quality=30)) < len(data)


def test_decodes_no_jpeg_that_is_damaged_or_larger_than_allowed(rgb: np.ndarray) -> None:
    data = encode_jpeg(rgb)
    for bad in (b"", b"no", data[: len(data) // 2]):
        with pytest.raises(UnreadableImage):
            decode_jpeg(bad)
    with pytest.raises(UnreadableImage, match="64x48 px, allowed are 3000"):
        decode_jpeg(data, max_pixels=3000)


def test_a_cameras_jpeg_is_the_same_picture_and_forgives_its_middle(rgb: np.ndarray, capfd: pytest.CaptureFixture[str]):
    data = encode_jpeg(rgb)
    assert (decode_camera_jpeg(data, 64 * 48) == decode_jpeg(data)).all()
    kept = io.BytesIO()
    Image.fromarray(rgb).save(kept, format="JPEG", quality=90, subsampling=0)
    assert kept.getvalue() == data  # no other bytes than Pillow's
    torn = bytearray(data)
    torn[len(data) * 2 // 3] ^= 0x55
    assert decode_camera_jpeg(bytes(torn), 64 * 48).shape == rgb.shape
    for bad in (b"", b"no", data[: len(data) // 2], data[:-2]):
        with pytest.raises(UnreadableImage):
            decode_camera_jpeg(bad, 64 * 48)
    with pytest.raises(UnreadableImage, match="64 x 48 px is too large"):
        decode_camera_jpeg(data, 3000)


def test_counts_the_pictures_of_a_file_by_its_content(tmp_path: Path):
    face = Image.new("RGB", (64, 64))
    face.save(tmp_path / "photo.mp4", format="JPEG")
    face.save(tmp_path / "moving.png", format="GIF", save_all=True, append_images=[Image.new("RGB", (64, 64), "red")])
    face.save(tmp_path / "phone.jpg", format="MPO", save_all=True, append_images=[Image.new("RGB", (64, 64), "red")])
    (tmp_path / "letter.jpg").write_text("Dear Anna")
    counts = {path.name: count_pictures(path) for path in tmp_path.iterdir()}
    assert counts == {"photo.mp4": 1, "moving.png": 2, "phone.jpg": 1, "letter.jpg": 0}
    assert count_pictures(tmp_path / "gone.png") == 0


def test_a_cut_out_stands_before_a_white_wall():
    rgb, alpha = np.full((2, 2, 3), 100, np.uint8), np.array([[0, 255], [128, 255]], np.uint8)
    assert over_white(rgb, alpha)[..., 0].tolist() == [[255, 100], [177, 100]]
