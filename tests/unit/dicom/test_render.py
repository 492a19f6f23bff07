"""Frames as pictures: the values are those of the standard, and what cannot be drawn says why."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.pixels import apply_color_lut, apply_modality_lut, apply_voi_lut
from pydicom.sequence import Sequence
from tests.unit.dicom import files

from sinfonietta.dicom.dataset.parse import open_dataset, parse
from sinfonietta.dicom.image.decode import Undrawable, decode
from sinfonietta.dicom.image.options import PRESETS, RenderOptions, presets
from sinfonietta.dicom.image.render import render

WITH_PIXELS = [path for path in files.shipped() if (header := parse(path)) and header.pixels]
REASONS = {
    "MR_truncated.dcm": "The file is incomplete.",
    "JPEG2000-embedded-sequence-delimiter.dcm": "The image could not be decoded (JPEG 2000 Image Compression).",
    "meta_missing_tsyntax.dcm": "The file does not say how large its image is.",
    "nested_priv_SQ.dcm": "The file does not say how large its image is.",
}
# What pydicom itself cannot read: 12-bit JPEG, and a number that is none.
BEYOND_THE_JUDGE = {"JPEG-lossy.dcm", "JPGExtended.dcm", "badVR.dcm"}


def draw(path: Path, frame: int = 0, **options: Any) -> NDArray[np.uint8]:
    header = parse(path)
    assert header is not None
    with open_dataset(path, header) as source:
        return np.asarray(Image.open(io.BytesIO(render(source, header, frame, RenderOptions(**options)))))


def drawn(tmp_path: Path, dataset: Dataset, frame: int = 0, **options: Any) -> NDArray[np.uint8]:
    (tmp_path / "file").write_bytes(files.encoded(dataset))
    return draw(tmp_path / "file", frame, **options)


def test_there_are_images() -> None:
    assert len(WITH_PIXELS) == 106


@pytest.mark.parametrize("path", WITH_PIXELS, ids=lambda path: str(path.relative_to(files.DATA)))
def test_every_shipped_image_is_drawn_or_says_why(path: Path) -> None:
    header = parse(path)
    assert header is not None
    assert header.pixels is not None
    with open_dataset(path, header) as source:
        if path.name in REASONS:
            with pytest.raises(Undrawable) as said:
                render(source, header)
            assert str(said.value).startswith(REASONS[path.name])
            return
        for frame in {0, header.pixels.number_of_frames - 1}:
            assert render(source, header, frame).startswith(b"\x89PNG")
            found, _ = decode(source, header, frame)
            if path.name not in BEYOND_THE_JUDGE:
                np.testing.assert_array_equal(found, _judged(path, frame))


def _judged(path: Path, frame: int) -> NDArray[Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = pydicom.dcmread(path, force=True)
        pixels = dataset.pixel_array
    return pixels[frame] if dataset.get("NumberOfFrames", 1) > 1 else pixels


def test_twelve_bit_jpeg(tmp_path: Path) -> None:
    for name in ("JPEG-lossy.dcm", "JPGExtended.dcm"):
        picture = draw(files.sample(name))
        assert picture.shape == (1024, 256)
        assert len(np.unique(picture)) > 100


RAMP = np.arange(-1000, 1000, dtype=np.int16).reshape(40, 50)


def ramp(**more: Any) -> Dataset:
    return files.image(40, 50, RAMP.tobytes(), PixelRepresentation=1, **more)


@pytest.mark.filterwarnings("ignore:overflow encountered in exp")  # pydicom's
@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
@pytest.mark.parametrize(("center", "width"), [(40, 400), (-600, 1500), (0, 1), (3.5, 77.25)])
def test_windows_are_those_of_the_standard(tmp_path: Path, function: str, center: float, width: float) -> None:
    if function == "LINEAR_EXACT" and width == 1:
        width = 2
    dataset = ramp(
        WindowCenter=center, WindowWidth=width, VOILUTFunction=function, RescaleSlope=2, RescaleIntercept=-24
    )
    expected = apply_voi_lut(apply_modality_lut(RAMP, dataset), dataset)
    # pydicom maps to the range that the stored bits can take after rescaling.
    bottom, top = -(2**15) * 2 - 24, (2**15 - 1) * 2 - 24
    scaled = (expected - bottom) * 255 / (top - bottom)
    found = drawn(tmp_path, dataset).astype(float)
    assert np.abs(found - scaled).max() <= 1.01


def test_a_window_by_hand_goes_before_the_files(tmp_path: Path) -> None:
    dataset = ramp(WindowCenter=0, WindowWidth=10)
    picture = drawn(tmp_path, dataset, window=(500, 1000), function="LINEAR_EXACT")
    assert picture[RAMP <= 0].max() == 0
    assert abs(int(picture[RAMP == 500][0]) - 127) <= 1
    assert picture.max() >= 254


def test_presets(tmp_path: Path) -> None:
    dataset = ramp(WindowCenter=[1, 2], WindowWidth=[10, 20], WindowCenterWidthExplanation=["A", "B"])
    (tmp_path / "file").write_bytes(files.encoded(dataset))
    header = parse(tmp_path / "file")
    assert header is not None
    assert presets(header) == {"A": (1, 10), "B": (2, 20), **PRESETS["CT"]}
    chosen = draw(tmp_path / "file", preset="lung")
    np.testing.assert_array_equal(chosen, draw(tmp_path / "file", window=(-600, 1500)))


def test_without_a_window_nearly_all_values_are_told_apart(tmp_path: Path) -> None:
    values = RAMP.copy()
    values[0, 0] = 32000  # one hot pixel does not make the rest black
    picture = drawn(tmp_path, files.image(40, 50, values.tobytes(), PixelRepresentation=1))
    assert picture[20, 25] in range(110, 145)
    assert picture.min() == 0


def test_monochrome1_is_inverted(tmp_path: Path) -> None:
    plain = drawn(tmp_path, ramp(WindowCenter=0, WindowWidth=500))
    inverted = drawn(tmp_path, ramp(WindowCenter=0, WindowWidth=500, PhotometricInterpretation="MONOCHROME1"))
    np.testing.assert_array_equal(inverted, 255 - plain)


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_padding_is_black(tmp_path: Path, photometric: str) -> None:
    values = RAMP.copy()
    values[:5] = -2000
    dataset = files.image(
        40, 50, values.tobytes(), PixelRepresentation=1, PixelPaddingValue=-2000, PhotometricInterpretation=photometric
    )
    picture = drawn(tmp_path, dataset)
    assert picture[:5].max() == 0
    assert abs(float(picture[5:].mean()) - 127) < 5


def test_a_constant_image(tmp_path: Path) -> None:
    assert drawn(tmp_path, files.image(4, 6, struct.pack("<24H", *[7] * 24))).shape == (4, 6)


def test_modality_and_voi_luts(tmp_path: Path) -> None:
    values = np.arange(256, dtype=np.uint16).reshape(16, 16)
    item = Dataset()
    item.add_new(0x00283002, "US", [256, 0, 16])
    item.add_new(0x00283006, "OW", (65535 - np.arange(256, dtype=np.uint16) * 257).tobytes())
    item.ModalityLUTType = "US"
    inverse = drawn(tmp_path, files.image(16, 16, values.tobytes(), VOILUTSequence=Sequence([item])))
    np.testing.assert_array_equal(inverse, 255 - values)
    both = files.image(
        16, 16, values.tobytes(), ModalityLUTSequence=Sequence([item]), WindowCenter=32768, WindowWidth=65536
    )
    assert np.abs(drawn(tmp_path, both).astype(int) - (255 - values.astype(int))).max() <= 1


def test_windows_of_frames_in_functional_groups(tmp_path: Path) -> None:
    def group(center: float) -> Dataset:
        voi, item = Dataset(), Dataset()
        voi.WindowCenter, voi.WindowWidth = center, 100
        item.FrameVOILUTSequence = Sequence([voi])
        return item

    values = np.full((2, 4, 6), 150, dtype=np.uint16)
    dataset = files.image(
        4, 6, values.tobytes(), NumberOfFrames=2,
        PerFrameFunctionalGroupsSequence=Sequence([group(100), group(200)]),
    )  # fmt: skip
    assert drawn(tmp_path, dataset, 0).min() >= 254
    assert drawn(tmp_path, dataset, 1).max() <= 1


@pytest.mark.parametrize("bits", [1, 8, 16, 32])
def test_grey_of_any_depth(tmp_path: Path, bits: int) -> None:
    rows, columns = 8, 16
    if bits == 1:
        values = np.tile(np.array([0, 1], dtype=np.uint8), rows * columns // 2)
        data = np.packbits(values, bitorder="little").tobytes()
    else:
        values = np.linspace(0, (1 << bits) - 1, rows * columns).astype(f"<u{bits // 8}")
        data = values.tobytes()
    dataset = files.image(rows, columns, data, BitsAllocated=bits, BitsStored=bits, HighBit=bits - 1)
    picture = drawn(tmp_path, dataset, window=((1 << bits) / 2, float(1 << bits)), function="LINEAR_EXACT")
    expected = values.astype(float) / (1 << bits) * 255
    assert np.abs(picture.reshape(-1) - expected).max() <= 1


@pytest.mark.parametrize(("keyword", "kind"), [("FloatPixelData", "<f4"), ("DoubleFloatPixelData", "<f8")])
def test_float_pixels(tmp_path: Path, keyword: str, kind: str) -> None:
    values = np.linspace(-1, 1, 24).astype(kind)
    values[3] = np.nan
    bits = values.dtype.itemsize * 8
    dataset = files.image(PixelData=None, BitsAllocated=bits, BitsStored=None, HighBit=None, PixelRepresentation=None)
    setattr(dataset, keyword, values.tobytes())
    picture = drawn(tmp_path, dataset, window=(0, 2), function="LINEAR_EXACT").reshape(-1)
    assert picture[3] == 0
    assert picture[0] == 0
    assert picture[-1] == 255


def test_unused_bits_are_left_out(tmp_path: Path) -> None:
    values = (np.arange(24, dtype=np.uint16) | 0xF000).tobytes()
    dataset = files.image(4, 6, values, BitsStored=12, HighBit=11)
    assert drawn(tmp_path, dataset, window=(12, 24)).reshape(-1)[0] == 0


def test_one_bit_frames_that_begin_inside_a_byte(tmp_path: Path) -> None:
    frames = (np.arange(3 * 15).reshape(3, 3, 5) % 7 == 0).astype(np.uint8)
    data = np.packbits(frames.reshape(-1), bitorder="little").tobytes()
    dataset = files.image(3, 5, data, BitsAllocated=1, BitsStored=1, HighBit=0, NumberOfFrames=3)
    for index in range(3):
        picture = drawn(tmp_path, dataset, index, window=(0.5, 1), function="LINEAR_EXACT")
        np.testing.assert_array_equal(picture, frames[index] * 255)


@pytest.mark.parametrize("planar", [0, 1])
@pytest.mark.parametrize("bits", [8, 16])
def test_rgb(tmp_path: Path, planar: int, bits: int) -> None:
    colour = (np.arange(4 * 6 * 3).reshape(4, 6, 3) * 3).astype(np.uint8)
    stored = colour.astype(f"<u{bits // 8}") * (257 if bits == 16 else 1)
    data = (stored.transpose(2, 0, 1) if planar else stored).tobytes()
    dataset = files.image(
        4, 6, data, SamplesPerPixel=3, PhotometricInterpretation="RGB", PlanarConfiguration=planar,
        BitsAllocated=bits, BitsStored=bits, HighBit=bits - 1,
    )  # fmt: skip
    assert np.abs(drawn(tmp_path, dataset).astype(int) - colour).max() <= 1


def test_palette_as_pydicom_paints_it() -> None:
    path = files.sample("examples_palette.dcm")
    dataset = pydicom.dcmread(path)
    painted = apply_color_lut(
        dataset.pixel_array[0] if dataset.get("NumberOfFrames", 1) > 1 else dataset.pixel_array, dataset
    )
    expected = painted >> 8 if painted.dtype == np.uint16 else painted
    np.testing.assert_array_equal(draw(path), expected)


def test_palette_is_missing(tmp_path: Path) -> None:
    with pytest.raises(Undrawable, match="palette"):
        drawn(tmp_path, files.image(PhotometricInterpretation="PALETTE COLOR"))


def test_scaled_into_a_box(tmp_path: Path) -> None:
    dataset = files.image(100, 200, bytes(40000))
    assert drawn(tmp_path, dataset, max_size=(50, 50)).shape == (25, 50)
    assert drawn(tmp_path, dataset, max_size=(5000, 5000)).shape == (100, 200)
    assert drawn(tmp_path, dataset, max_size=(1, 1)).shape == (1, 1)


def test_pixels_that_are_not_square(tmp_path: Path) -> None:
    assert drawn(tmp_path, files.image(10, 20, bytes(400), PixelSpacing=[2, 1])).shape == (20, 20)
    assert drawn(tmp_path, files.image(10, 20, bytes(400), PixelAspectRatio=[1, 2])).shape == (10, 40)
    assert drawn(tmp_path, files.image(10, 20, bytes(400), PixelSpacing=["1e300", "1e-300"])).shape == (40, 20)


def test_jpeg(tmp_path: Path) -> None:
    picture = drawn(tmp_path, ramp(), format="jpeg", quality=95)
    assert np.abs(picture.astype(int) - drawn(tmp_path, ramp())).mean() < 3


REFUSED = [
    ({"Rows": 65535, "Columns": 65535, "PixelData": bytes(64)}, r"too large to be drawn: 65,535 x 65,535 pixels"),
    ({"PixelData": bytes(40)}, r"The pixel data has 40 bytes; 1 frames of this size need 48\."),
    ({"NumberOfFrames": 2**31 - 1, "frame": 2**31 - 2}, r"The pixel data has 48 bytes"),
    ({"frame": 1}, r"There is no frame 2; the image has 1\."),
    ({"frame": -1}, r"There is no frame 0; the image has 1\."),
    ({"Rows": 0}, r"does not say how large"),
    ({"SamplesPerPixel": 4, "PhotometricInterpretation": "ARGB"}, r"4 values of 16 bits per pixel"),
    ({"BitsAllocated": 12}, r"1 values of 12 bits per pixel"),
    ({"PhotometricInterpretation": "YBR_FULL"}, r"Images of the kind YBR_FULL"),
    ({"PixelData": None}, r"The file holds no image\."),
]


@pytest.mark.parametrize(("attributes", "reason"), REFUSED, ids=[reason for _, reason in REFUSED])
def test_what_cannot_be_drawn_says_why(tmp_path: Path, attributes: dict[str, Any], reason: str) -> None:
    attributes = dict(attributes)
    frame = attributes.pop("frame", 0)
    with pytest.raises(Undrawable, match=reason):
        drawn(tmp_path, files.image(**attributes), frame)


@pytest.mark.parametrize(
    ("syntax", "reason"),
    [
        ("1.2.840.10008.1.2.4.102", "video"),
        ("1.2.840.10008.1.2.4.94", "address of its pixels"),
        ("1.2.3.4.5", "Nothing here decodes the transfer syntax 1.2.3.4.5"),
    ],
)
def test_syntaxes_that_nothing_decodes(tmp_path: Path, syntax: str, reason: str) -> None:
    (tmp_path / "file").write_bytes(files.compressed([b"\xff\xd8 no image \xff\xd9"], syntax))
    with pytest.raises(Undrawable, match=reason):
        draw(tmp_path / "file")


def test_a_syntax_that_lies(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(files.compressed([b"\0\0"], "1.2.840.10008.1.2.1"))
    with pytest.raises(Undrawable, match=r"^The pixels are compressed, but"):
        draw(tmp_path / "file")
    (tmp_path / "file").write_bytes(files.renamed(files.encoded(files.image()), "1.2.840.10008.1.2.5"))
    with pytest.raises(Undrawable, match=r"^The pixels are not compressed, but"):
        draw(tmp_path / "file")


def test_a_panic_in_a_decoder(tmp_path: Path) -> None:
    """pylibjpeg-rle panics over a segment that holds more than the frame."""
    content = bytearray(files.sample("MR_small_RLE.dcm").read_bytes())
    header = parse(files.sample("MR_small_RLE.dcm"))
    assert header is not None
    assert header.pixels is not None
    at = struct.unpack_from("<Q", header.pixels.frames)[0] + 64
    content[at : at + 400] = b"\x81\0" * 200  # each pair repeats a byte 128 times
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(Undrawable, match="could not be decoded"):
        draw(tmp_path / "file")


def test_deflated_frames(tmp_path: Path) -> None:
    """Deflated Image Frame Compression (DICOM PS3.5 A.4.12)."""
    deflate = zlib.compressobj(wbits=-15)
    data = deflate.compress(RAMP.tobytes()) + deflate.flush()
    described = {"rows": 40, "columns": 50, "PixelRepresentation": 1}
    (tmp_path / "file").write_bytes(files.compressed([data], "1.2.840.10008.1.2.8.1", **described))
    np.testing.assert_array_equal(draw(tmp_path / "file"), drawn(tmp_path, ramp()))
    (tmp_path / "file").write_bytes(files.compressed([data], "1.2.840.10008.1.2.8.1", **described | {"rows": 41}))
    with pytest.raises(Undrawable, match="fewer pixels"):
        draw(tmp_path / "file")
