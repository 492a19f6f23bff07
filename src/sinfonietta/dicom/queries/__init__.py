"""Reads of the DICOM index, for DICOMweb, the portal and whatever else lists studies.

Every query begins with what the actor may read: series rows whose container is theirs and not in the trash, inside the
root that was asked. All that is shown of patient and study comes from those rows alone. Where a series is visible in
several places, its instances are counted once per SOP Instance UID, and the file that was filed last is the one shown.
"""

from sinfonietta.dicom.index.loading import Dataset, Stored
from sinfonietta.dicom.queries.contents import (
    MOST_TEXT_BYTES,
    Described,
    Retrieval,
    all_files,
    dataset,
    datasets,
    files,
    header,
    of_file,
    retrieval,
)
from sinfonietta.dicom.queries.instance_level import (
    identities,
    instance,
    instances,
    known_classes,
    middles,
    named,
    placed,
    representative,
    shown,
    stack,
)
from sinfonietta.dicom.queries.medium import Medium, medium, name_of
from sinfonietta.dicom.queries.patient_level import History, Patient, history, patients
from sinfonietta.dicom.queries.scope import Found, root, visible
from sinfonietta.dicom.queries.study_level import (
    Series,
    Study,
    Who,
    classes,
    containers,
    count_studies,
    merged,
    series,
    studies,
    study,
)

__all__ = [
    "MOST_TEXT_BYTES",
    "Dataset",
    "Described",
    "Found",
    "History",
    "Medium",
    "Patient",
    "Retrieval",
    "Series",
    "Stored",
    "Study",
    "Who",
    "all_files",
    "classes",
    "containers",
    "count_studies",
    "dataset",
    "datasets",
    "files",
    "header",
    "history",
    "identities",
    "instance",
    "instances",
    "known_classes",
    "medium",
    "merged",
    "middles",
    "name_of",
    "named",
    "of_file",
    "patients",
    "placed",
    "representative",
    "retrieval",
    "root",
    "series",
    "shown",
    "stack",
    "studies",
    "study",
    "visible",
]
