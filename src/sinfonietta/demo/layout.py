"""Who is in the demo, and what is where."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pydicom.data


@dataclass(frozen=True)
class Person:
    """An account of the demo."""

    name: str
    full_name: str
    email: str
    is_admin: bool = False


PEOPLE = (
    Person("admin", "Administrator", "admin@example.org", is_admin=True),
    Person("ines", "Inês Carvalho, medical physicist", "ines@example.org"),
    Person("marek", "Marek Novák, data scientist", "marek@example.org"),
    Person("amara", "Amara Okafor, clinician", "amara@example.org"),
)
OWNER = "ines"
GROUP = ("Thorax consortium", ("marek", "amara"))
"""Name and members; it may read the phantom study."""

STUDY = ("Thorax phantom study", "A synthetic patient with CT, structures, plan and dose in one frame of reference.")
SAMPLES = ("DICOM samples", "What pydicom ships for its tests: many transfer syntaxes, and a few broken objects.")
WRITER, WRITABLE = "marek", "Results"
"""A person who may write one folder of the study."""

INTERESTING = (
    "CT_small.dcm", "MR_small.dcm", "MR_small_RLE.dcm", "MR_small_bigendian.dcm", "JPEG-lossy.dcm", "JPEG2000.dcm",
    "JPGExtended.dcm", "693_J2KI.dcm", "examples_palette.dcm", "examples_rgb_color.dcm", "examples_ybr_color.dcm",
    "examples_overlay.dcm", "SC_rgb.dcm", "SC_rgb_rle_2frame.dcm", "image_dfl.dcm", "rtdose.dcm", "rtplan.dcm",
    "rtstruct.dcm", "test-SR.dcm", "liver_1frame.dcm", "waveform_ecg.dcm", "chrH31.dcm", "chrH32.dcm",
    "JPEGLSNearLossless_16.dcm", "HTJ2K_08_RGB.dcm", "truncated_file.dcm",
)  # fmt: skip


def pydicom_samples() -> list[Path]:
    """The files among the interesting ones that the installed pydicom carries."""
    folders = [Path(pydicom.data.__path__[0]) / name for name in ("test_files", "charset_files")]
    return [folder / name for name in INTERESTING for folder in folders if (folder / name).is_file()]
