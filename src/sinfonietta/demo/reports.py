"""Documents about the phantom: a measurement report, a selection of key images, and a PDF in a DICOM file."""

from __future__ import annotations

from collections.abc import Sequence

from pydicom.dataset import Dataset
from pydicom.uid import ComprehensiveSRStorage, EncapsulatedPDFStorage, KeyObjectSelectionDocumentStorage

from sinfonietta.demo import content, truth
from sinfonietta.demo.content import SCT
from sinfonietta.demo.files import pdf
from sinfonietta.demo.objects import coded, instance, uid
from sinfonietta.demo.truth import Truth


def measurements(found: Truth, images: Sequence[Dataset], seed: int) -> Dataset:
    """A measurement report on the tumour (PS3.16 TID 1500), with the image that it was measured in."""
    dataset = instance(
        sop_class=ComprehensiveSRStorage, seed=seed, series="measurements", number=1, modality="SR",
        description="Measurements",
    )  # fmt: skip
    tumour = truth.TUMOUR
    shown = min(images, key=lambda one: abs(float(one.ImagePositionPatient[2]) - tumour.center_mm[2]))
    dataset.ReferencedPerformedProcedureStepSequence, dataset.PerformedProcedureCodeSequence = [], []
    dataset.CurrentRequestedProcedureEvidenceSequence = content.evidence(shown)
    dataset.CompletionFlag, dataset.VerificationFlag = "COMPLETE", "UNVERIFIED"
    axis_mm = 2 * tumour.radii_mm[0]
    group = content.container(
        "CONTAINS", "125007", "Measurement Group",
        content.text("112039", "Tracking Identifier", "Lesion 1", "HAS OBS CONTEXT"),
        content.uid("HAS OBS CONTEXT", "112040", "Tracking Unique Identifier", uid(seed, "lesion")),
        content.code("CONTAINS", "121071", "Finding", "108369006", "Neoplasm", SCT),
        content.code("CONTAINS", "363698007", "Finding Site", "39607008", "Lung", SCT, SCT),
        content.number(
            "81827009", "Diameter", axis_mm, "mm", content.image(shown, "INFERRED FROM"), scheme=SCT
        ),
        content.number("118565006", "Volume", round(tumour.volume_cm3, 3), "cm3", scheme=SCT),
        content.number(
            "126401", "SUVbw", round(found.suv("GTV"), 2), "g/ml",
            content.code("HAS CONCEPT MOD", "121401", "Derivation", "56851009", "Maximum", SCT),
        ),
    )  # fmt: skip
    dataset.update(
        content.container(
            None, "126000", "Imaging Measurement Report",
            content.code("HAS CONCEPT MOD", "121058", "Procedure reported", "77477000", "Computed tomography", SCT),
            content.code("HAS OBS CONTEXT", "121005", "Observer Type", "121006", "Person"),
            content.person("121008", "Person Observer Name", "Carvalho^Inês"),
            content.container("CONTAINS", "126010", "Imaging Measurements", group),
            content.container(
                "CONTAINS", "121070", "Findings",
                content.text(
                    "121071", "Finding",
                    "A round lesion in the right lung, as wide as it was made. No second one, for there is none.",
                ),
            ),
        )
    )  # fmt: skip
    dataset.ContentTemplateSequence = content.template("1500")
    return dataset


def key_images(images: Sequence[Dataset], seed: int) -> Dataset:
    """A key object selection (PS3.16 TID 2010)."""
    dataset = instance(
        sop_class=KeyObjectSelectionDocumentStorage, seed=seed, series="key images", number=1, modality="KO",
        description="Key images",
    )  # fmt: skip
    dataset.ReferencedPerformedProcedureStepSequence = []
    dataset.CurrentRequestedProcedureEvidenceSequence = content.evidence(*images)
    dataset.update(
        content.container(
            None, "113000", "Of Interest",
            content.person("121008", "Person Observer Name", "Okafor^Amara"),
            content.text("113012", "Key Object Description", "The tumour on CT, on PET and on MR."),
            *(content.image(one) for one in images),
        )
    )  # fmt: skip
    dataset.ContentTemplateSequence = content.template("2010")
    return dataset


def encapsulated_pdf(seed: int) -> Dataset:
    """A PDF of two pages (PS3.3 A.45.1)."""
    dataset = instance(
        sop_class=EncapsulatedPDFStorage, seed=seed, series="document", number=1, modality="DOC",
        description="Report as PDF",
    )  # fmt: skip
    document = pdf(["Synthetic report of a phantom", "No person was scanned."])
    dataset.ConversionType, dataset.BurnedInAnnotation = "WSD", "NO"
    dataset.AcquisitionDateTime, dataset.DocumentTitle = "", "Report"
    dataset.ConceptNameCodeSequence = [coded("18748-4", "LN", "Diagnostic imaging report")]
    dataset.MIMETypeOfEncapsulatedDocument = "application/pdf"
    dataset.EncapsulatedDocumentLength = len(document)
    dataset.EncapsulatedDocument = document + b"\0" * (len(document) % 2)
    return dataset
