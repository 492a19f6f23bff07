"""Objects without pixels: the dose report of the CT, and a PDF in a DICOM file."""

from __future__ import annotations

from pydicom.dataset import Dataset
from pydicom.uid import EncapsulatedPDFStorage, XRayRadiationDoseSRStorage

from sinfonietta.demo.files import pdf
from sinfonietta.demo.objects import coded, instance, uid
from sinfonietta.demo.truth import Truth

CTDI_VOL_MGY = 7.5


def dose_report(truth: Truth, seed: int) -> Dataset:
    """An X-Ray Radiation Dose SR of one helical acquisition (PS3.3 A.35.8, PS3.16 TID 10011)."""
    dataset = instance(
        sop_class=XRayRadiationDoseSRStorage, seed=seed, series="report", number=1, modality="SR",
        description="CT dose report",
    )  # fmt: skip
    dataset.DeviceSerialNumber, dataset.SoftwareVersions = "1", "1"
    dataset.ReferencedPerformedProcedureStepSequence, dataset.PerformedProcedureCodeSequence = [], []
    dataset.CompletionFlag, dataset.VerificationFlag = "COMPLETE", "UNVERIFIED"
    length_mm = truth.slices * truth.spacing_mm[2]
    procedure = _code("HAS CONCEPT MOD", "121058", "Procedure reported", "77477000", "Computed Tomography X-Ray", "SCT")
    procedure.ContentSequence = [
        _code("HAS CONCEPT MOD", "363703001", "Has Intent", "261004008", "Diagnostic Intent", "SCT", "SCT")
    ]
    scope = _code("HAS OBS CONTEXT", "113705", "Scope of Accumulation", "113014", "Study")
    scope.ContentSequence = [_uid("HAS PROPERTIES", "110180", "Study Instance UID", truth.study_uid)]
    dataset.update(
        _container(
            None, "113701", "X-Ray Radiation Dose Report",
            procedure,
            _code("HAS OBS CONTEXT", "121005", "Observer Type", "121007", "Device"),
            _uid("HAS OBS CONTEXT", "121012", "Device Observer UID", uid(seed, "device")),
            _code("HAS OBS CONTEXT", "113876", "Device Role in Procedure", "113859", "Irradiating Device"),
            _moment("HAS OBS CONTEXT", "113809", "Start of X-Ray Irradiation", "20260302101500"),
            _moment("HAS OBS CONTEXT", "113810", "End of X-Ray Irradiation", "20260302101508"),
            scope,
            _container(
                "CONTAINS", "113811", "CT Accumulated Dose Data",
                _number("113812", "Total Number of Irradiation Events", 1, "{events}"),
                _number("113813", "CT Dose Length Product Total", CTDI_VOL_MGY * length_mm / 10, "mGy.cm"),
            ),
            _acquisition(length_mm, seed),
            _code("CONTAINS", "113854", "Source of Dose Information", "113856", "Automated Data Collection"),
        )
    )  # fmt: skip
    template = Dataset()
    template.MappingResource, template.TemplateIdentifier = "DCMR", "10011"
    dataset.ContentTemplateSequence = [template]
    return dataset


def _acquisition(length_mm: float, seed: int) -> Dataset:
    """TID 10013."""
    return _container(
        "CONTAINS", "113819", "CT Acquisition",
        _text("125203", "Acquisition Protocol", "Thorax"),
        _code("CONTAINS", "123014", "Target Region", "51185008", "Chest", "SCT"),
        _code("CONTAINS", "113820", "CT Acquisition Type", "116152004", "Spiral Acquisition", "SCT"),
        _uid("CONTAINS", "113769", "Irradiation Event UID", uid(seed, "event")),
        _container(
            "CONTAINS", "113822", "CT Acquisition Parameters",
            _number("113824", "Exposure Time", 8.0, "s"),
            _number("113825", "Scanning Length", length_mm, "mm"),
            _number("113826", "Nominal Single Collimation Width", 0.75, "mm"),
            _number("113827", "Nominal Total Collimation Width", 24.0, "mm"),
            _number("113828", "Pitch Factor", 1.0, "{ratio}"),
            _number("113823", "Number of X-Ray Sources", 1, "{X-Ray sources}"),
            _container(
                "CONTAINS", "113831", "CT X-Ray Source Parameters",
                _text("113832", "Identification of the X-Ray Source", "A"),
                _number("113733", "KVP", 120, "kV"),
                _number("113833", "Maximum X-Ray Tube Current", 240, "mA"),
                _number("113734", "X-Ray Tube Current", 200, "mA"),
                _number("113834", "Exposure Time per Rotation", 0.5, "s"),
            ),
        ),
        _container(
            "CONTAINS", "113829", "CT Dose",
            _number("113830", "Mean CTDIvol", CTDI_VOL_MGY, "mGy"),
            _code("CONTAINS", "113835", "CTDIw Phantom Type", "113691", "IEC Body Dosimetry Phantom"),
            _number("113838", "DLP", CTDI_VOL_MGY * length_mm / 10, "mGy.cm"),
        ),
    )  # fmt: skip


def _item(relation: str | None, kind: str, code: str, meaning: str, scheme: str = "DCM") -> Dataset:
    item = Dataset()
    if relation:
        item.RelationshipType = relation
    item.ValueType = kind
    item.ConceptNameCodeSequence = [coded(code, scheme, meaning)]
    return item


def _container(relation: str | None, code: str, meaning: str, *items: Dataset) -> Dataset:
    item = _item(relation, "CONTAINER", code, meaning)
    item.ContinuityOfContent, item.ContentSequence = "SEPARATE", list(items)
    return item


def _code(
    relation: str, code: str, meaning: str, value: str, value_meaning: str, value_scheme: str = "DCM",
    scheme: str = "DCM",
) -> Dataset:  # fmt: skip
    item = _item(relation, "CODE", code, meaning, scheme)
    item.ConceptCodeSequence = [coded(value, value_scheme, value_meaning)]
    return item


def _uid(relation: str, code: str, meaning: str, value: str) -> Dataset:
    item = _item(relation, "UIDREF", code, meaning)
    item.UID = value
    return item


def _moment(relation: str, code: str, meaning: str, value: str) -> Dataset:
    item = _item(relation, "DATETIME", code, meaning)
    item.DateTime = value
    return item


def _text(code: str, meaning: str, value: str) -> Dataset:
    item = _item("CONTAINS", "TEXT", code, meaning)
    item.TextValue = value
    return item


def _number(code: str, meaning: str, value: float, unit: str) -> Dataset:
    measured = Dataset()
    measured.NumericValue = f"{value:g}"
    measured.MeasurementUnitsCodeSequence = [coded(unit, "UCUM", unit)]
    item = _item("CONTAINS", "NUM", code, meaning)
    item.MeasuredValueSequence = [measured]
    return item


def encapsulated_pdf(seed: int) -> Dataset:
    """A PDF of two pages (PS3.3 A.45.1)."""
    dataset = instance(
        sop_class=EncapsulatedPDFStorage, seed=seed, series="document", number=1, modality="DOC",
        description="Report as PDF",
    )  # fmt: skip
    content = pdf(["Synthetic report of a phantom", "No person was scanned."])
    dataset.ConversionType, dataset.BurnedInAnnotation = "WSD", "NO"
    dataset.AcquisitionDateTime, dataset.DocumentTitle, dataset.ConceptNameCodeSequence = "", "Report", []
    dataset.MIMETypeOfEncapsulatedDocument = "application/pdf"
    dataset.EncapsulatedDocumentLength = len(content)
    dataset.EncapsulatedDocument = content + b"\0" * (len(content) % 2)
    return dataset
