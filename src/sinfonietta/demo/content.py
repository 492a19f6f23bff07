"""Items of structured reports (DICOM PS3.3 C.17.3)."""

from __future__ import annotations

from pydicom.dataset import Dataset

from sinfonietta.demo.objects import coded

DCM, SCT, UCUM = "DCM", "SCT", "UCUM"


def item(relation: str | None, kind: str, concept: str, meaning: str, scheme: str = DCM) -> Dataset:
    """An item without a value."""
    made = Dataset()
    if relation:
        made.RelationshipType = relation
    made.ValueType = kind
    made.ConceptNameCodeSequence = [coded(concept, scheme, meaning)]
    return made


def container(relation: str | None, concept: str, meaning: str, *items: Dataset, scheme: str = DCM) -> Dataset:
    """Items below a heading."""
    made = item(relation, "CONTAINER", concept, meaning, scheme)
    made.ContinuityOfContent, made.ContentSequence = "SEPARATE", list(items)
    return made


def code(
    relation: str, concept: str, meaning: str, value: str, value_meaning: str, value_scheme: str = DCM,
    scheme: str = DCM,
) -> Dataset:  # fmt: skip
    """A coded value."""
    made = item(relation, "CODE", concept, meaning, scheme)
    made.ConceptCodeSequence = [coded(value, value_scheme, value_meaning)]
    return made


def uid(relation: str, concept: str, meaning: str, value: str) -> Dataset:
    """A UID."""
    made = item(relation, "UIDREF", concept, meaning)
    made.UID = value
    return made


def moment(relation: str, concept: str, meaning: str, value: str) -> Dataset:
    """A date and time."""
    made = item(relation, "DATETIME", concept, meaning)
    made.DateTime = value
    return made


def text(concept: str, meaning: str, value: str, relation: str = "CONTAINS") -> Dataset:
    """Free text."""
    made = item(relation, "TEXT", concept, meaning)
    made.TextValue = value
    return made


def person(concept: str, meaning: str, value: str, relation: str = "HAS OBS CONTEXT") -> Dataset:
    """A person's name."""
    made = item(relation, "PNAME", concept, meaning)
    made.PersonName = value
    return made


def number(concept: str, meaning: str, value: float, unit: str, *below: Dataset, scheme: str = DCM) -> Dataset:
    """A measurement in a unit of UCUM, and what modifies it."""
    measured = Dataset()
    measured.NumericValue = f"{value:g}"
    measured.MeasurementUnitsCodeSequence = [coded(unit, UCUM, unit)]
    made = item("CONTAINS", "NUM", concept, meaning, scheme)
    made.MeasuredValueSequence = [measured]
    if below:
        made.ContentSequence = list(below)
    return made


def image(referred: Dataset, relation: str = "CONTAINS", concept: tuple[str, str] | None = None) -> Dataset:
    """A reference to an image."""
    made = item(relation, "IMAGE", *concept) if concept else Dataset()
    if concept is None:
        made.RelationshipType, made.ValueType = relation, "IMAGE"
    reference = Dataset()
    reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = referred.SOPClassUID, referred.SOPInstanceUID
    made.ReferencedSOPSequence = [reference]
    return made


def evidence(*referred: Dataset) -> list[Dataset]:
    """The hierarchy of the instances that a document names (PS3.3 C.17.2.1)."""
    studies: dict[str, dict[str, list[Dataset]]] = {}
    for one in referred:
        reference = Dataset()
        reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = one.SOPClassUID, one.SOPInstanceUID
        studies.setdefault(one.StudyInstanceUID, {}).setdefault(one.SeriesInstanceUID, []).append(reference)
    found = []
    for study_uid, all_series in studies.items():
        study = Dataset()
        study.StudyInstanceUID, study.ReferencedSeriesSequence = study_uid, []
        for series_uid, instances in all_series.items():
            series = Dataset()
            series.SeriesInstanceUID, series.ReferencedSOPSequence = series_uid, instances
            study.ReferencedSeriesSequence.append(series)
        found.append(study)
    return found


def template(number_: str) -> list[Dataset]:
    """That the document follows a template of PS3.16."""
    made = Dataset()
    made.MappingResource, made.TemplateIdentifier = "DCMR", number_
    return [made]
