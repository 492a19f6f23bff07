"""VRs that a file does not say (implicit VR, UN): from pydicom's dictionaries, imported when first needed."""

from __future__ import annotations

from typing import Any

US_SS_BY_DESCRIPTOR = 0x00283006


def vr_of(tag: int, dataset: dict[str, Any], chain: tuple[dict[str, Any], ...]) -> str:
    """The VR of ``tag``, where ``dataset`` is what was read of its dataset so far and ``chain`` the ones around it.

    UN where nobody knows it. DICOM PS3.5 A.1 and 6.2.2.
    """
    from pydicom import datadict  # noqa: PLC0415 - half a second, and explicit VR needs none of it

    group, number = tag >> 16, tag & 0xFFFF
    if number == 0:
        return "UL"
    try:
        if group % 2:
            if 0x10 <= number <= 0xFF:
                return "LO"
            vr = datadict.private_dictionary_VR(tag, _creator(group, number, dataset))
        else:
            vr = datadict.dictionary_VR(tag)
    except KeyError:
        return "UN"
    return _settle(tag, str(vr), (dataset, *chain)) if " " in vr else str(vr)


def _creator(group: int, number: int, dataset: dict[str, Any]) -> str:
    values = dataset.get(f"{group:04X}{number >> 8:04X}", {}).get("Value")
    if not values or not isinstance(values[0], str):
        raise KeyError
    return values[0]


def _settle(tag: int, choice: str, datasets: tuple[dict[str, Any], ...]) -> str:
    """One of the VRs that the dictionary leaves open (DICOM PS3.5 A.1)."""
    if choice == "US or SS":
        representation = next((n for d in datasets if isinstance(n := first(d, "00280103"), int)), 0)
        return "SS" if representation else "US"
    if tag == US_SS_BY_DESCRIPTOR and first(datasets[0], "00283002") == 1:
        return "US"
    return "OW"


def first(dataset: dict[str, Any], tag: str) -> Any:
    """The first value of an attribute in the DICOM JSON model; None where absent or empty."""
    values = dataset.get(tag, {}).get("Value")
    return values[0] if values else None
