"""Standardised uptake values of PET by body weight (DICOM PS3.3 C.8.9, QIBA's FDG-PET/CT profile).

SUV = activity concentration / (activity left of what was injected / body weight), in g/ml.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from sinfonietta.dicom.dataset.keywords import Dataset, item, items, number, text, values

PHILIPS_FACTOR, GE_SCAN_START = "70531000", "0009100D"


class NoSuv(ValueError):
    """Why an SUV cannot be computed, as a sentence for a person."""


@dataclass(frozen=True)
class Suv:
    """``factor``: by what a value in the image's unit is multiplied; ``how``: what it was computed from."""

    factor: float
    how: str

    unit = "g/ml"


def suv(dataset: Dataset) -> Suv:
    """The SUV of a PET image by body weight, from the DICOM JSON model. Raises NoSuv."""
    units = text(dataset, "Units").upper()
    if units == "GML" and text(dataset, "SUVType").upper() in {"", "BW"}:
        return Suv(1.0, "The image holds SUV by body weight already.")
    corrections = {str(one).upper() for one in values(dataset, "CorrectedImage")}
    if "ATTN" not in corrections:
        raise NoSuv("The image is not corrected for attenuation.")
    if units == "CNTS":
        return _philips(dataset)
    if units != "BQML":
        raise NoSuv(f"The image is in {units or 'no unit that it names'}, not in Bq/ml.")
    return _of_activity(dataset)


def _philips(dataset: Dataset) -> Suv:
    factor = next(iter(dataset.get(PHILIPS_FACTOR, {}).get("Value", [])), None)
    if not isinstance(factor, int | float) or factor <= 0:
        raise NoSuv("The image is in counts, and its maker's SUV factor is not there.")
    return Suv(float(factor), "By the factor that the scanner's maker gives (Philips, (7053,1000)).")


def _of_activity(dataset: Dataset) -> Suv:
    weight = number(dataset, "PatientWeight")
    injected = item(dataset, "RadiopharmaceuticalInformationSequence")
    dose = number(injected, "RadionuclideTotalDose")
    if weight is None or not weight > 0:
        raise NoSuv("The patient's weight is not there.")
    if dose is None or not dose > 0:
        raise NoSuv("The injected activity is not there.")
    if len(items(dataset, "RadiopharmaceuticalInformationSequence")) > 1:
        raise NoSuv("Several radiopharmaceuticals were given; which one is seen cannot be told.")
    corrected = text(dataset, "DecayCorrection").upper()
    if corrected == "ADMIN":
        return Suv(weight * 1000 / dose, "Corrected for decay to the time of injection.")
    if corrected != "START":
        raise NoSuv("The image is not corrected for decay.")
    half_life = number(injected, "RadionuclideHalfLife")
    if half_life is None or not half_life > 0:
        raise NoSuv("The half-life of the radionuclide is not there.")
    start = _reference(dataset, half_life)
    waited = (start - _injection(injected, start)).total_seconds()
    if not 0 <= waited <= 10 * half_life:
        raise NoSuv("The times of injection and scan contradict each other.")
    left = dose * 2 ** (-waited / half_life)
    return Suv(
        weight * 1000 / left, f"Corrected for decay to the start of the scan, {waited / 60:.0f} min after injection."
    )


def _injection(injected: Dataset, start: datetime) -> datetime:
    """When it was given; a time without a date is the last such time before the scan."""
    whole = _moment(text(injected, "RadiopharmaceuticalStartDateTime"))
    if whole is not None:
        return whole
    given = _moment(f"{start:%Y%m%d}" + text(injected, "RadiopharmaceuticalStartTime"), least=12)
    if given is None:
        raise NoSuv("The time of injection is not there.")
    return given if given <= start else given - timedelta(days=1)


def _reference(dataset: Dataset, half_life: float) -> datetime:
    """The moment to which decay is corrected: the start of the series, unless that is later than the image's own.

    Then the date was changed when the series was processed, and the moment follows from the frame's own times.
    """
    series = _moment(text(dataset, "SeriesDate") + text(dataset, "SeriesTime"), least=12)
    acquired = _moment(text(dataset, "AcquisitionDate") + text(dataset, "AcquisitionTime"), least=12)
    if series is not None and (acquired is None or series <= acquired):
        return series
    scanned = _moment(str(next(iter(dataset.get(GE_SCAN_START, {}).get("Value", [])), "")))
    if scanned is not None:
        return scanned
    after_ms, lasted_ms = number(dataset, "FrameReferenceTime"), number(dataset, "ActualFrameDuration")
    if acquired is None or after_ms is None or lasted_ms is None or not lasted_ms > 0:
        raise NoSuv("The start of the scan is not there.")
    decay = math.log(2) / half_life
    in_frame = decay * lasted_ms / 1000
    mean_s = math.log(in_frame / -math.expm1(-in_frame)) / decay
    return acquired + timedelta(seconds=mean_s - after_ms / 1000)


def _moment(said: str, least: int = 8) -> datetime | None:
    """A date and time (DT) without its offset from UTC; None where it is none, or shorter than ``least`` digits."""
    digits, _, fraction = said.split("+", maxsplit=1)[0].split("-", maxsplit=1)[0].partition(".")
    if not digits.isdecimal() or len(digits) < least or len(digits) > 14:
        return None
    try:
        found = datetime.strptime(digits.ljust(14, "0"), "%Y%m%d%H%M%S")  # noqa: DTZ007 - all of one scanner's clock
    except ValueError:
        return None
    return found + timedelta(seconds=float(f"0.{fraction}") if fraction.isdecimal() else 0)
