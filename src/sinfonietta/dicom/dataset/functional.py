"""Functional groups of enhanced multi-frame objects (DICOM PS3.3 C.7.6.16)."""

from __future__ import annotations

from sinfonietta.dicom.dataset.keywords import Dataset, item, items, tag, values

SHARED, PER_FRAME = "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"


def group(dataset: Dataset, frame: int, keyword: str) -> Dataset:
    """The functional group of frame ``frame`` (from 0), its own or the one of all; the dataset itself where none is."""
    for owner in (*items(dataset, PER_FRAME)[frame : frame + 1], item(dataset, SHARED)):
        if values(owner, keyword):
            return item(owner, keyword)
    return dataset


def of_frame(dataset: Dataset, frame: int) -> Dataset:
    """The dataset as it is for one frame: of the per-frame groups only those of that one."""
    groups = items(dataset, PER_FRAME)
    if not groups:
        return dataset
    return dataset | {tag(PER_FRAME): {"vr": "SQ", "Value": groups[frame : frame + 1]}}
