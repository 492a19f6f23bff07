"""One image in every transfer syntax, and from each into every other: the pixels stay what they are."""

from __future__ import annotations

import io
import zlib
from functools import cache
from pathlib import Path

import imagecodecs
import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from tests.unit.dicom import files
from tests.unit.dicom.files import encoded, image

from sinfonietta.dicom.dataset.parse import parse
from sinfonietta.dicom.image.options import COMPRESSED_TARGETS, NATIVE_TARGETS, TARGETS
from sinfonietta.dicom.sandbox import isolation
from sinfonietta.dicom.sandbox.delivery import deliver

SYNTAX = "1.2.840.10008.1.2."
IMPLICIT, EXPLICIT, DEFLATED, BIG = "1.2.840.10008.1.2", SYNTAX + "1", SYNTAX + "1.99", SYNTAX + "2"
ROWS, COLUMNS = 20, 33


@pytest.fixture(scope="module")
def _pool() -> None:
    isolation.configure(isolation.Sandbox(size=2))


@cache
def slopes(kind: str, low: int, high: int, samples: int = 1, frames: int = 1) -> np.ndarray:  # type: ignore[type-arg]
    """Frames that differ from each other at every place, and cover the range of their values."""
    noise = np.random.default_rng(7).integers(-9, 9, (frames, ROWS, COLUMNS, samples))
    ramp = np.linspace(low, high, ROWS * COLUMNS * samples * frames).reshape(noise.shape)
    found = np.clip(ramp + noise, low, high).astype(kind)
    return found if samples > 1 else found[..., 0]


KINDS = {
    "8 bit": (slopes("u1", 0, 255), 8, 8, 0),
    "12 bit": (slopes("u2", 0, 4095), 16, 12, 0),
    "16 bit": (slopes("u2", 0, 65535), 16, 16, 0),
    "12 bit signed": (slopes("i2", -2048, 2047), 16, 12, 1),
    "16 bit signed": (slopes("i2", -32768, 32767, frames=3), 16, 16, 1),
    "colour": (slopes("u1", 0, 255, 3, 2), 8, 8, 0),
}


def dataset_of(kind: str) -> Dataset:
    array, allocated, stored, signed = KINDS[kind]
    more = {} if array.shape[0] == 1 else {"NumberOfFrames": array.shape[0]}
    if array.ndim == 4:
        more |= {"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB", "PlanarConfiguration": 0}
    return image(
        ROWS, COLUMNS, array.tobytes(), BitsAllocated=allocated, BitsStored=stored, HighBit=stored - 1,
        PixelRepresentation=signed, PatientName="Müller^Änne=山田^太郎", SpecificCharacterSet="ISO_IR 192", **more,
    )  # fmt: skip


def written(kind: str, syntax: str, path: Path) -> Path:
    """The image as a file in ``syntax``, by pydicom and encoders that are not asked through our code."""
    dataset, (array, *_) = dataset_of(kind), KINDS[kind]
    if syntax == BIG:  # in words of two bytes, also where a value has one (DICOM PS3.5 8.1.1)
        dataset.PixelData = np.frombuffer(array.tobytes(), "<u2").byteswap().tobytes()
    encode = {
        "4.57": lambda one: imagecodecs.jpeg8_encode(one.view(f"u{one.itemsize}"), lossless=True, predictor=1),
        "4.70": lambda one: imagecodecs.jpeg8_encode(one.view(f"u{one.itemsize}"), lossless=True, predictor=1),
        "4.80": lambda one: imagecodecs.jpegls_encode(one.view(f"u{one.itemsize}")),
        "4.81": lambda one: imagecodecs.jpegls_encode(one.view(f"u{one.itemsize}"), level=2),
        "4.90": lambda one: imagecodecs.jpeg2k_encode(one, codecformat="j2k", reversible=True, mct=False),
        "4.91": lambda one: imagecodecs.jpeg2k_encode(one, codecformat="j2k", reversible=True, mct=False),
        "4.201": lambda one: imagecodecs.htj2k_encode(one, reversible=True, rgb=False),
        "4.202": lambda one: imagecodecs.htj2k_encode(one, reversible=True, rgb=False),
        "4.203": lambda one: imagecodecs.htj2k_encode(one, reversible=True, rgb=False),
        "4.50": lambda one: imagecodecs.jpeg8_encode(one, level=95, colorspace="RGB", outcolorspace="RGB")
        if one.ndim == 3
        else imagecodecs.jpeg8_encode(one, level=95),
        "4.51": lambda one: imagecodecs.jpeg8_encode(one, level=95, bitspersample=12),
        "5": lambda one: pydicom.pixels.encoders.RLELosslessEncoder.encode(
            one.tobytes(), rows=ROWS, columns=COLUMNS, samples_per_pixel=3 if one.ndim == 3 else 1,
            bits_allocated=one.itemsize * 8, bits_stored=one.itemsize * 8, number_of_frames=1, pixel_representation=0,
            photometric_interpretation="RGB" if one.ndim == 3 else "MONOCHROME2", planar_configuration=0,
            encoding_plugin="pydicom",
        ),
        "4.110": lambda one: imagecodecs.jpegxl_encode(one.view(f"u{one.itemsize}"), lossless=True),
        "8.1": lambda one: _deflated(one.tobytes()),
    }.get(syntax.removeprefix(SYNTAX))  # fmt: skip
    if encode:
        dataset.PixelData = encapsulate([bytes(encode(np.ascontiguousarray(frame))) for frame in array])
        dataset["PixelData"].VR, dataset["PixelData"].is_undefined_length = "OB", True
    if syntax in {SYNTAX + "8.1", SYNTAX + "4.110"}:  # pydicom does not know them all yet
        like = SYNTAX + ("4.70" if syntax.endswith("8.1") else "4.201")
        path.write_bytes(encoded(dataset, like).replace(like.encode(), syntax.encode().ljust(len(like), b"\0")))
    else:
        path.write_bytes(encoded(dataset, syntax))
    return path


def _deflated(data: bytes) -> bytes:
    pack = zlib.compressobj(9, zlib.DEFLATED, -15)
    return pack.compress(data) + pack.flush()


SOURCES = [
    (kind, SYNTAX + end if end else IMPLICIT)
    for kind in KINDS
    for end in (
        "",
        "1",
        "1.99",
        "2",
        "4.57",
        "4.70",
        "4.80",
        "4.90",
        "4.91",
        "4.201",
        "4.202",
        "4.203",
        "4.110",
        "5",
        "8.1",
    )
]


def converted(path: Path, target: str) -> tuple[Dataset, bytes]:
    header = parse(path)
    assert header is not None
    delivery = deliver(path, header, target)
    raw = b"".join(delivery.blocks())
    assert delivery.size_bytes in {None, len(raw)}
    assert (delivery.size_bytes is None) == (target in COMPRESSED_TARGETS or target == DEFLATED)
    return pydicom.dcmread(io.BytesIO(raw)), raw


@pytest.mark.usefixtures("_pool")
@pytest.mark.parametrize(("kind", "syntax"), SOURCES)
def test_to_explicit_little_endian(kind: str, syntax: str, tmp_path: Path) -> None:
    path = written(kind, syntax, tmp_path / "file")
    found, _ = converted(path, EXPLICIT)
    array = KINDS[kind][0]
    assert np.array_equal(found.pixel_array, array[0] if array.shape[0] == 1 else array)
    original = pydicom.dcmread(path, stop_before_pixels=True)
    assert found.file_meta.TransferSyntaxUID == EXPLICIT
    assert found.SOPInstanceUID == original.SOPInstanceUID == found.file_meta.MediaStorageSOPInstanceUID
    assert str(found.PatientName) == "Müller^Änne=山田^太郎"
    for element in original:
        if element.keyword not in {"PhotometricInterpretation", "PlanarConfiguration"}:
            assert found[element.tag].value == element.value, element


@pytest.mark.usefixtures("_pool")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("target", [*sorted(TARGETS), IMPLICIT])
def test_to_each_target(kind: str, target: str, tmp_path: Path) -> None:
    """As other readers decode it; and again from there to explicit little endian, as we do."""
    array = KINDS[kind][0]
    expected = array[0] if array.shape[0] == 1 else array
    found, raw = converted(written(kind, IMPLICIT, tmp_path / "a"), target)
    assert found.file_meta.TransferSyntaxUID == target
    assert np.array_equal(found.pixel_array, expected)
    (tmp_path / "b").write_bytes(raw)
    again = parse(tmp_path / "b")
    assert again is not None
    assert again.complete
    back, _ = converted(tmp_path / "b", EXPLICIT)
    assert np.array_equal(back.pixel_array, expected)


@pytest.mark.usefixtures("_pool")
@pytest.mark.parametrize(
    ("kind", "end", "tolerance"),
    [("8 bit", "4.50", 12), ("colour", "4.50", 40), ("12 bit", "4.51", 80), ("12 bit", "4.81", 2)],
)
def test_lossy_sources_stay_near_and_say_so(kind: str, end: str, tolerance: int, tmp_path: Path) -> None:
    found, _ = converted(written(kind, SYNTAX + end, tmp_path / "file"), EXPLICIT)
    difference = np.abs(found.pixel_array.astype(int) - KINDS[kind][0].squeeze().astype(int))
    assert 0 < difference.max() <= tolerance
    assert found.LossyImageCompression == "01"


@pytest.mark.usefixtures("_pool")
@pytest.mark.parametrize("name", ["rtplan.dcm", "rtstruct.dcm", "reportsi.dcm", "waveform_ecg.dcm"])
def test_what_has_no_pixels(name: str) -> None:
    path = files.sample(name)
    header = parse(path)
    assert header is not None
    original = pydicom.dcmread(path, force=True)
    for target in (EXPLICIT, SYNTAX + "4.80", DEFLATED):
        raw = b"".join(deliver(path, header, target).blocks())
        found = pydicom.dcmread(io.BytesIO(raw))
        assert found.file_meta.TransferSyntaxUID == (target if target in NATIVE_TARGETS else EXPLICIT)
        assert found.to_json_dict() == original.to_json_dict()


@pytest.mark.usefixtures("_pool")
def test_what_cannot_be_had_says_why(tmp_path: Path) -> None:
    def problem(target: str) -> str:
        header = parse(tmp_path / "file")
        assert header is not None
        with pytest.raises(isolation.Undrawable) as raised:
            b"".join(deliver(tmp_path / "file", header, target).blocks())
        return str(raised.value)

    written("16 bit", EXPLICIT, tmp_path / "file")
    assert "not made here" in problem(SYNTAX + "4.50")
    (tmp_path / "file").write_bytes(encoded(image(data=bytes(12), BitsAllocated=1, BitsStored=1)))
    assert "1 bits" in problem(SYNTAX + "4.80")
    (tmp_path / "file").write_bytes(files.compressed([b"mpeg"], SYNTAX + "4.102"))
    assert "Videos" in problem(EXPLICIT)
    (tmp_path / "file").write_bytes(files.compressed([b"no jpeg at all"], SYNTAX + "4.70"))
    assert "decoded" in problem(EXPLICIT)


@pytest.mark.usefixtures("_pool")
def test_binary_values_of_a_big_endian_file(tmp_path: Path) -> None:
    table = np.arange(6, dtype="<u2")
    item = Dataset()
    item.LUTDescriptor = [6, 0, 16]
    item.add_new(0x00283006, "OW", table.byteswap().tobytes())
    dataset = image(ModalityLUTSequence=[item])
    (tmp_path / "file").write_bytes(encoded(dataset, BIG))
    found, _ = converted(tmp_path / "file", EXPLICIT)
    assert found.ModalityLUTSequence[0][0x00283006].value == table.tobytes()


@pytest.mark.usefixtures("_pool")
def test_a_preamble_that_is_a_program_is_not_passed_on(tmp_path: Path) -> None:
    raw = written("8 bit", EXPLICIT, tmp_path / "file").read_bytes()
    (tmp_path / "file").write_bytes(b"MZ" + b"\x90" * 126 + raw[128:])
    _, sent = converted(tmp_path / "file", SYNTAX + "4.80")
    assert sent[:132] == bytes(128) + b"DICM"
