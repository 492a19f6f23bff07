"""The phantom is what it says it is: voxels, contours and dose against the closed formulas."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image

from sinfonietta.demo import files, layout, phantom, truth
from sinfonietta.demo.truth import Truth


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Truth]:
    folder = tmp_path_factory.mktemp("phantom")
    return folder, phantom.write_phantom(folder, slices=16, size=96)


def test_voxels_have_the_density_of_what_they_lie_in(made: tuple[Path, Truth]) -> None:
    folder, _ = made
    for path in sorted((folder / "CT").iterdir()):
        dataset = pydicom.dcmread(path)
        x0, y0, z = map(float, dataset.ImagePositionPatient)
        step = float(dataset.PixelSpacing[0])
        for structure in (truth.HEART, truth.LUNG_L, truth.CORD):
            if structure.section_radii_mm(z) is None or min(structure.section_radii_mm(z) or (0, 0)) < 3 * step:
                continue
            column = round((structure.center_mm[0] - x0) / step)
            row = round((structure.center_mm[1] - y0) / step)
            if structure is truth.HEART and truth.LUNG_L.inside(
                np.array(structure.center_mm[0]), np.array(structure.center_mm[1]), z
            ):
                continue
            assert abs(float(dataset.pixel_array[row, column]) - structure.hu) < 80


def test_contours_enclose_the_volume_of_the_structure(made: tuple[Path, Truth]) -> None:
    folder, found = made
    dataset = pydicom.dcmread(folder / "RT" / "structures.dcm")
    names = {roi.ROINumber: roi.ROIName for roi in dataset.StructureSetROISequence}
    for contours in dataset.ROIContourSequence:
        structure = found.structure(names[contours.ReferencedROINumber])
        for contour in contours.ContourSequence:
            points = np.array(contour.ContourData, dtype=float).reshape(-1, 3)
            x, y = points[:, 0], points[:, 1]
            area = 0.5 * abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1)))
            a, b = structure.section_radii_mm(points[0, 2]) or (0.0, 0.0)
            assert area == pytest.approx(np.pi * a * b, rel=0.003)


def test_the_dose_is_its_formula_on_a_grid_of_its_own(made: tuple[Path, Truth]) -> None:
    folder, found = made
    dataset = pydicom.dcmread(folder / "RT" / "dose.dcm")
    dose = dataset.pixel_array * float(dataset.DoseGridScaling)
    x0, y0, z0 = map(float, dataset.ImagePositionPatient)
    frame, row, column = np.unravel_index(dose.argmax(), dose.shape)
    step = float(dataset.PixelSpacing[0])
    position = (x0 + step * column, y0 + step * row, z0 + float(dataset.GridFrameOffsetVector[frame]))
    assert dose.max() == pytest.approx(float(found.dose_gy(*map(np.array, position))), abs=0.01)
    assert np.linalg.norm(np.subtract(position, found.isocenter_mm)) < 2 * step
    assert dose.max() == pytest.approx(found.plateau_gy, rel=0.005)


def test_the_histogram_of_the_target_has_a_closed_form(made: tuple[Path, Truth]) -> None:
    """Against a count of small voxels in the ball."""
    _, found = made
    ptv = found.structure("PTV")
    axis = np.arange(-ptv.radii_mm[0], ptv.radii_mm[0], 0.5) + 0.25
    x, y, z = axis[None, None, :], axis[None, :, None], axis[:, None, None]
    cx, cy, cz = ptv.center_mm
    dose = found.dose_gy(x + cx, y + cy, z + cz)[np.broadcast_to(x**2 + y**2 + z**2, (len(axis),) * 3) <= 21.0**2]
    for gray in (57.0, 59.0, 60.0, 61.0):
        assert found.volume_fraction("PTV", gray) == pytest.approx(np.mean(dose >= gray), abs=0.003)
    assert found.dose_at_fraction("PTV", 0.98) == pytest.approx(np.quantile(dose, 0.02), rel=0.001)
    assert found.mean_gy("PTV") == pytest.approx(dose.mean(), rel=0.001)
    with pytest.raises(ValueError, match="no closed form"):
        found.mean_gy("HEART")


def test_contours_add_up_to_what_the_truth_says_of_them(made: tuple[Path, Truth]) -> None:
    _, found = made
    heart = found.structure("HEART")
    assert found.contoured_cm3("HEART") == pytest.approx(heart.volume_cm3, rel=0.05)


def test_activity_is_scaled_to_suv_by_what_the_header_says(made: tuple[Path, Truth]) -> None:
    """SUV by body weight, from the attributes alone; decay from injection to the start of the series."""
    folder, found = made
    hottest = 0.0
    for path in (folder / "PET").iterdir():
        dataset = pydicom.dcmread(path)
        dose = dataset.RadiopharmaceuticalInformationSequence[0]
        seconds = (int(dataset.SeriesTime[:2]) - int(dose.RadiopharmaceuticalStartTime[:2])) * 3600
        left = float(dose.RadionuclideTotalDose) * 2 ** (-seconds / float(dose.RadionuclideHalfLife))
        assert dataset.Units == "BQML"
        hottest = max(hottest, dataset.pixel_array.max() * float(dataset.PatientWeight) * 1000 / left)
    assert hottest == pytest.approx(found.suv("GTV"), rel=1e-3)


def test_the_dose_report_adds_up(made: tuple[Path, Truth]) -> None:
    folder, found = made

    def numbers(items: pydicom.Sequence) -> dict[str, float]:
        values: dict[str, float] = {}
        for item in items:
            if item.ValueType == "NUM":
                name = item.ConceptNameCodeSequence[0].CodeMeaning
                values[name] = float(item.MeasuredValueSequence[0].NumericValue)
            values |= numbers(item.get("ContentSequence", []))
        return values

    said = numbers(pydicom.dcmread(folder / "Reports" / "CT dose report.dcm").ContentSequence)
    assert said["DLP"] == said["CT Dose Length Product Total"]
    assert said["DLP"] == pytest.approx(said["Mean CTDIvol"] * said["Scanning Length"] / 10)
    assert said["Scanning Length"] == pytest.approx(found.slices * found.spacing_mm[2], rel=1e-4)


def test_the_encapsulated_document_is_a_pdf(made: tuple[Path, Truth]) -> None:
    dataset = pydicom.dcmread(made[0] / "Reports" / "report.dcm")
    content = dataset.EncapsulatedDocument[: dataset.EncapsulatedDocumentLength]
    assert content.startswith(b"%PDF-")
    assert content.endswith(b"%%EOF\n")


def test_the_second_patient_is_read_in_three_syntaxes(tmp_path: Path) -> None:
    datasets = [pydicom.dcmread(path) for path in phantom.write_second_patient(tmp_path, size=32)]
    assert len({dataset.file_meta.TransferSyntaxUID for dataset in datasets}) == 3
    for dataset in datasets:
        assert dataset.PatientName.ideographic == "山田^太郎"
        assert -1024 <= dataset.pixel_array.min() < -900
        assert dataset.pixel_array.max() < 600


def test_everything_refers_to_what_is_there(made: tuple[Path, Truth]) -> None:
    folder, found = made
    datasets = {path.stem: pydicom.dcmread(path) for path in folder.rglob("*.dcm")}
    uids = {dataset.SOPInstanceUID for dataset in datasets.values()}
    assert len(uids) == len(datasets)
    assert len({(one.StudyInstanceUID, one.SeriesInstanceUID, one.Modality) for one in datasets.values()}) == len(
        {one.SeriesInstanceUID for one in datasets.values()}
    )
    other_days = {one.StudyDate for one in datasets.values() if one.StudyInstanceUID != found.study_uid}
    assert len(other_days) == 7
    assert "20260302" not in other_days
    assert datasets["plan"].ReferencedStructureSetSequence[0].ReferencedSOPInstanceUID in uids
    assert datasets["dose"].ReferencedRTPlanSequence[0].ReferencedSOPInstanceUID in uids
    named = _named(datasets["segments"]) | _named(datasets["key images"]) | _named(datasets["measurements"])
    assert len(named) > 10
    assert named <= uids
    placed = [
        dataset for name, dataset in datasets.items()
        if name in ("plan", "dose", "segments", "enhanced") or name[:3] in ("ct_", "pet", "mr_")
    ]  # fmt: skip
    assert {dataset.FrameOfReferenceUID for dataset in placed} == {found.frame_of_reference_uid}
    assert datasets["cbct_001"].FrameOfReferenceUID != found.frame_of_reference_uid


def _named(dataset: pydicom.Dataset) -> set[str]:
    return {str(element.value) for element in dataset.iterall() if element.keyword == "ReferencedSOPInstanceUID"}


def test_the_segmentation_is_the_tumour(made: tuple[Path, Truth]) -> None:
    folder, found = made
    dataset = pydicom.dcmread(folder / "SEG" / "segments.dcm")
    frames = [
        item.SegmentIdentificationSequence[0].ReferencedSegmentNumber
        for item in dataset.PerFrameFunctionalGroupsSequence
    ]
    marked = sum(int(mask.sum()) for mask, number in zip(dataset.pixel_array, frames, strict=True) if number == 2)
    volume_cm3 = marked * found.spacing_mm[0] * found.spacing_mm[1] * found.spacing_mm[2] / 1000
    assert volume_cm3 == pytest.approx(truth.HEART.volume_cm3, rel=0.05)


def test_the_enhanced_object_holds_the_slices(made: tuple[Path, Truth]) -> None:
    folder, _ = made
    enhanced = pydicom.dcmread(folder / "MR" / "enhanced.dcm")
    for path in (folder / "MR").glob("mr_*.dcm"):
        one = pydicom.dcmread(path)
        frame = int(one.InstanceNumber) - 1
        position = enhanced.PerFrameFunctionalGroupsSequence[frame].PlanePositionSequence[0].ImagePositionPatient
        assert list(position) == list(one.ImagePositionPatient)
        assert np.array_equal(enhanced.pixel_array[frame], one.pixel_array)


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        phantom.write_phantom(tmp_path / folder, slices=4, size=32, seed=3)
    for path in (tmp_path / "a").rglob("*.dcm"):
        assert path.read_bytes() == (tmp_path / "b" / path.relative_to(tmp_path / "a")).read_bytes()


def test_ordinary_files_are_what_their_names_say(tmp_path: Path) -> None:
    files.write_files(tmp_path)
    for name in ("interference.png", "photo of the phantom.jpg", "film 16 bit.tiff"):
        Image.open(tmp_path / name).verify()
    for name in ("measurements.xlsx", "consent-template.docx"):
        assert zipfile.ZipFile(tmp_path / name).testzip() is None
    inner = zipfile.ZipFile(tmp_path / "archive.zip").read("data/more/inner.zip")
    assert zipfile.ZipFile(io.BytesIO(inner)).namelist() == ["inside/readme.txt"]
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF-")
    assert (tmp_path / "motion.webm").stat().st_size > 500


def test_the_samples_of_pydicom_are_there() -> None:
    assert len(layout.pydicom_samples()) > 15
