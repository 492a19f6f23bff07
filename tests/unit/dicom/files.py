"""Files to read: those inside the pydicom package, and those that are made here, good and bad."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import pydicom.data
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian

DATA = Path(pydicom.data.__file__).parent
NOT_DICOM = {".py", ".pyc", ".json", ".txt", ".gz", ".dump", ".icc", ".md"}


def shipped() -> list[Path]:
    """Every file of the pydicom package that is DICOM or looks like it."""
    found = (path for folder in ("test_files", "charset_files", "palettes") for path in (DATA / folder).rglob("*"))
    return sorted(path for path in found if path.is_file() and path.suffix not in NOT_DICOM and path.name != "README")


def sample(name: str) -> Path:
    """A file of pydicom's test_files."""
    return DATA / "test_files" / name


def image(rows: int = 4, columns: int = 6, data: bytes | None = None, **more: Any) -> Dataset:
    """A grey image of 16 bits; ``more`` are attributes by keyword, None removes one."""
    dataset = Dataset()
    dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    dataset.SOPInstanceUID = "1.2.3.4"
    dataset.StudyInstanceUID = "1.2.3"
    dataset.SeriesInstanceUID = "1.2.3.1"
    dataset.Modality = "CT"
    dataset.PatientName = "Phantom^Anna"
    dataset.Rows, dataset.Columns = rows, columns
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 16, 15, 0
    dataset.PixelData = bytes(rows * columns * 2) if data is None else data
    for keyword, value in more.items():
        if value is None:
            delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, value)
    return dataset


def encoded(dataset: Dataset, syntax: str = ExplicitVRLittleEndian) -> bytes:
    """The dataset as a file."""
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.UID(syntax)
    if "PixelData" in dataset and dataset["PixelData"].VR not in {"OB", "OW"}:
        dataset["PixelData"].VR = "OW"
    out = io.BytesIO()
    pydicom.dcmwrite(out, dataset, enforce_file_format=True)
    return out.getvalue()


def without_pixels(**more: Any) -> bytes:
    return encoded(image(PixelData=None, **more))


def deflate_bomb(size: int) -> bytes:
    """A file of about a thousandth of ``size`` that inflates to one private value of ``size`` zeros."""
    start = encoded(image(), DeflatedExplicitVRLittleEndian)
    head = start[: 132 + 12 + struct.unpack_from("<I", start, 140)[0]]
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    parts = [deflate.compress(struct.pack("<HH2sHI", 0x0009, 0x1010, b"OB", 0, size))]
    parts += [deflate.compress(bytes(1 << 20)) for _ in range(size >> 20)]
    return head + b"".join(parts) + deflate.flush()


def lying_length() -> bytes:
    return without_pixels() + struct.pack("<HH2sHI", 0x7FE0, 0x10, b"OW", 0, 0xFFFFFFF0) + bytes(64)


def nested(depth: int) -> bytes:
    """Sequences in sequences, of undefined length."""
    opening = struct.pack("<HH2sHI", 0x0040, 0xA730, b"SQ", 0, 0xFFFFFFFF) + struct.pack(
        "<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF
    )
    closing = struct.pack("<HHI", 0xFFFE, 0xE00D, 0) + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    return without_pixels() + opening * depth + closing * depth


def compressed(fragments: list[bytes], syntax: str, table: bytes = b"", **more: Any) -> bytes:
    """A file whose pixel data are these fragments, behind the basic offset table ``table``."""
    items = [table, *(part + b"\0" * (len(part) % 2) for part in fragments)]
    value = b"".join(struct.pack("<HHI", 0xFFFE, 0xE000, len(item)) + item for item in items)
    end = struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    start = without_pixels(**more)
    return renamed(start, syntax) + struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OB", 0, 0xFFFFFFFF) + value + end


def renamed(content: bytes, syntax: str) -> bytes:
    """An explicit little endian file that says it has another transfer syntax."""
    old, new = b"1.2.840.10008.1.2.1\0", syntax.encode() + b"\0" * (len(syntax) % 2)
    length = struct.unpack_from("<I", content, 140)[0] + len(new) - len(old)
    before, _, after = content.partition(struct.pack("<H", len(old)) + old)
    return before[:140] + struct.pack("<I", length) + before[144:] + struct.pack("<H", len(new)) + new + after
