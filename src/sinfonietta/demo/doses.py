"""Radiation dose reports of each kind, in the units and spellings that scanners use."""

from __future__ import annotations

from dataclasses import dataclass

from pydicom.dataset import Dataset
from pydicom.uid import RadiopharmaceuticalRadiationDoseSRStorage, XRayRadiationDoseSRStorage

from sinfonietta.demo import content, truth
from sinfonietta.demo.content import SCT, code, container, moment, number, text
from sinfonietta.demo.objects import instance, uid
from sinfonietta.demo.truth import Truth

CTDI_VOL_MGY = 7.5
CT_PROCEDURE = ("77477000", "Computed Tomography X-Ray")
FLUORO_S, DAP_GYM2, REFERENCE_MGY = (42.0, 8.5), (0.00031, 0.00012), (21.4, 9.1)
"""Of two events of a fluoroscopy."""
GLANDULAR_DGY = {"Left breast": 0.0142, "Right breast": 0.0151}
CBCT_DAYS, CBCT_CTDI_MGY, CBCT_DLP_MGYCM = 5, 4.2, 67.0
"""The DLP is that of the day before the first; it grows by 1.5 mGy.cm a day."""


@dataclass(frozen=True)
class Kind:
    """A kind of report: its SOP class, title and template."""

    sop_class: str
    title: tuple[str, str]
    template: str


XRAY = ("113701", "X-Ray Radiation Dose Report")
CT = Kind(XRayRadiationDoseSRStorage, XRAY, "10011")
PROJECTION = Kind(XRayRadiationDoseSRStorage, XRAY, "10001")
RADIOPHARMACEUTICAL = Kind(
    RadiopharmaceuticalRadiationDoseSRStorage, ("113500", "Radiopharmaceutical Radiation Dose Report"), "10021"
)


def reports(found: Truth, seed: int) -> dict[str, Dataset]:
    """One of each kind, by a name for its file."""
    length_mm = found.slices * found.spacing_mm[2]
    return {
        "CT": _report(CT, seed, 1, "CT dose report", "20260302", CT_PROCEDURE, *_ct(length_mm, seed)),
        "fluoroscopy": _report(
            PROJECTION, seed, 2, "Fluoroscopy dose report", "20260220", ("44491008", "Fluoroscopy"), *_fluoroscopy(seed)
        ),
        "mammography": _report(
            PROJECTION, seed, 3, "Mammography dose report", "20260210", ("71651007", "Mammography"), *_mammography(seed)
        ),
        "PET": _report(
            RADIOPHARMACEUTICAL, seed, 4, "PET dose report", "20260302", ("44139004", "PET"), *_administration(seed)
        ),
        **{
            f"CBCT {day}": _report(
                CT, seed, 4 + day, f"CBCT {day} dose report", f"202603{15 + day}", CT_PROCEDURE, *_cone_beam(seed, day)
            )
            for day in range(1, CBCT_DAYS + 1)
        },
    }


def _report(
    kind: Kind, seed: int, instance_number: int, description: str, date: str, procedure: tuple[str, str],
    *items: Dataset,
) -> Dataset:  # fmt: skip
    """A dose report of a device; those of another day than the CT's belong to a study of their own."""
    dataset = instance(
        sop_class=kind.sop_class, seed=seed, series="report", number=instance_number, modality="SR",
        description=description,
    )  # fmt: skip
    if date != dataset.StudyDate:
        dataset.StudyDate = dataset.SeriesDate = dataset.ContentDate = date
        dataset.StudyInstanceUID, dataset.SeriesInstanceUID = uid(seed, description), uid(seed, description, "series")
        dataset.StudyDescription, dataset.AccessionNumber = procedure[1], f"SYN{seed:05d}{instance_number}"
    dataset.DeviceSerialNumber, dataset.SoftwareVersions = "1", "1"
    dataset.ReferencedPerformedProcedureStepSequence, dataset.PerformedProcedureCodeSequence = [], []
    dataset.CompletionFlag, dataset.VerificationFlag = "COMPLETE", "UNVERIFIED"
    reported = code("HAS CONCEPT MOD", "121058", "Procedure reported", *procedure, SCT)
    reported.ContentSequence = [
        code("HAS CONCEPT MOD", "363703001", "Has Intent", "261004008", "Diagnostic Intent", SCT, SCT)
    ]
    scope = code("HAS OBS CONTEXT", "113705", "Scope of Accumulation", "113014", "Study")
    scope.ContentSequence = [content.uid("HAS PROPERTIES", "110180", "Study Instance UID", dataset.StudyInstanceUID)]
    dataset.update(
        container(
            None, *kind.title, reported,
            code("HAS OBS CONTEXT", "121005", "Observer Type", "121007", "Device"),
            content.uid("HAS OBS CONTEXT", "121012", "Device Observer UID", uid(seed, "device")),
            code("HAS OBS CONTEXT", "113876", "Device Role in Procedure", "113859", "Irradiating Device"),
            moment("HAS OBS CONTEXT", "113809", "Start of X-Ray Irradiation", f"{date}101500"),
            moment("HAS OBS CONTEXT", "113810", "End of X-Ray Irradiation", f"{date}101508"),
            scope, *items,
            code("CONTAINS", "113854", "Source of Dose Information", "113856", "Automated Data Collection"),
        )
    )  # fmt: skip
    dataset.ContentTemplateSequence = content.template(kind.template)
    return dataset


def _ct(length_mm: float, seed: int) -> list[Dataset]:
    dlp = CTDI_VOL_MGY * length_mm / 10
    return [
        container(
            "CONTAINS", "113811", "CT Accumulated Dose Data",
            number("113812", "Total Number of Irradiation Events", 1, "{events}"),
            number("113813", "CT Dose Length Product Total", dlp, "mGy.cm"),
        ),
        container(
            "CONTAINS", "113819", "CT Acquisition",
            text("125203", "Acquisition Protocol", "Thorax"),
            code("CONTAINS", "123014", "Target Region", "51185008", "Chest", SCT),
            code("CONTAINS", "113820", "CT Acquisition Type", "116152004", "Spiral Acquisition", SCT),
            content.uid("CONTAINS", "113769", "Irradiation Event UID", uid(seed, "event")),
            container(
                "CONTAINS", "113822", "CT Acquisition Parameters",
                number("113824", "Exposure Time", 8.0, "s"),
                number("113825", "Scanning Length", length_mm, "mm"),
                number("113826", "Nominal Single Collimation Width", 0.75, "mm"),
                number("113827", "Nominal Total Collimation Width", 24.0, "mm"),
                number("113828", "Pitch Factor", 1.0, "{ratio}"),
                number("113823", "Number of X-Ray Sources", 1, "{X-Ray sources}"),
                container(
                    "CONTAINS", "113831", "CT X-Ray Source Parameters",
                    text("113832", "Identification of the X-Ray Source", "A"),
                    number("113733", "KVP", 120, "kV"),
                    number("113833", "Maximum X-Ray Tube Current", 240, "mA"),
                    number("113734", "X-Ray Tube Current", 200, "mA"),
                    number("113834", "Exposure Time per Rotation", 0.5, "s"),
                ),
            ),
            container(
                "CONTAINS", "113829", "CT Dose",
                number("113830", "Mean CTDIvol", CTDI_VOL_MGY, "mGy"),
                code("CONTAINS", "113835", "CTDIw Phantom Type", "113691", "IEC Body Dosimetry Phantom"),
                number("113838", "DLP", dlp, "mGy.cm"),
            ),
        ),
    ]  # fmt: skip


def _cone_beam(seed: int, day: int) -> list[Dataset]:
    """Without a total, in the spelling of a unit that is not UCUM's."""
    return [
        container(
            "CONTAINS", "113819", "CT Acquisition",
            text("125203", "Acquisition Protocol", "Thorax CBCT"),
            code("CONTAINS", "123014", "Target Region", "51185008", "Chest", SCT),
            code("CONTAINS", "113820", "CT Acquisition Type", "702569007", "Cone beam acquisition", SCT),
            content.uid("CONTAINS", "113769", "Irradiation Event UID", uid(seed, "event", "cbct", day)),
            container(
                "CONTAINS", "113829", "CT Dose",
                number("113830", "Mean CTDIvol", CBCT_CTDI_MGY, "mGy"),
                number("113838", "DLP", CBCT_DLP_MGYCM + 1.5 * day, "mGycm"),
            ),
        )
    ]  # fmt: skip


def _fluoroscopy(seed: int) -> list[Dataset]:
    def event(index: int) -> Dataset:
        return container(
            "CONTAINS", "113706", "Irradiation Event X-Ray Data",
            code("CONTAINS", "113764", "Acquisition Plane", "113622", "Single Plane"),
            content.uid("CONTAINS", "113769", "Irradiation Event UID", uid(seed, "event", "fluoroscopy", index)),
            moment("CONTAINS", "111526", "DateTime Started", f"2026022010{15 + index}00"),
            code("CONTAINS", "113721", "Irradiation Event Type", "44491008", "Fluoroscopy", SCT),
            text("125203", "Acquisition Protocol", "Thorax 15 p/s"),
            code("CONTAINS", "123014", "Target Region", "51185008", "Chest", SCT),
            number("122130", "Dose Area Product", DAP_GYM2[index], "Gym2"),
            number("113738", "Dose (RP)", REFERENCE_MGY[index], "mGy"),
            number("112011", "Positioner Primary Angle", -30.0 * index, "deg"),
            number("113742", "Irradiation Duration", FLUORO_S[index], "s"),
            number("113733", "KVP", 75, "kV"),
        )  # fmt: skip

    return [
        container(
            "CONTAINS", "113702", "Accumulated X-Ray Dose Data",
            code("HAS CONCEPT MOD", "113764", "Acquisition Plane", "113622", "Single Plane"),
            number("113722", "Dose Area Product Total", sum(DAP_GYM2), "Gym2"),
            number("113725", "Dose (RP) Total", sum(REFERENCE_MGY), "mGy"),
            number("113730", "Total Fluoro Time", sum(FLUORO_S), "s"),
        ),
        event(0), event(1),
    ]  # fmt: skip


def _mammography(seed: int) -> list[Dataset]:
    breasts = {"Left breast": "80248007", "Right breast": "73056007"}

    def side(name: str) -> Dataset:
        return code("HAS CONCEPT MOD", "272741003", "Laterality", breasts[name], name, SCT, SCT)

    def event(name: str, index: int) -> Dataset:
        return container(
            "CONTAINS", "113706", "Irradiation Event X-Ray Data",
            content.uid("CONTAINS", "113769", "Irradiation Event UID", uid(seed, "event", name)),
            moment("CONTAINS", "111526", "DateTime Started", f"2026021009{10 + index}00"),
            code("CONTAINS", "113721", "Irradiation Event Type", "113611", "Stationary Acquisition"),
            text("125203", "Acquisition Protocol", f"CC {name.lower()}"),
            code("CONTAINS", "123014", "Target Region", breasts[name], name, SCT),
            number("111631", "Average Glandular Dose", GLANDULAR_DGY[name], "dGy", side(name)),
            number("113733", "KVP", 29, "kV"),
            number("111633", "Compression Thickness", 52.0, "mm"),
        )  # fmt: skip

    return [
        container(
            "CONTAINS", "113702", "Accumulated X-Ray Dose Data",
            *(
                number("111637", "Accumulated Average Glandular Dose", dose, "dGy", side(name))
                for name, dose in GLANDULAR_DGY.items()
            ),
        ),
        *(event(name, index) for index, name in enumerate(GLANDULAR_DGY)),
    ]  # fmt: skip


def _administration(seed: int) -> list[Dataset]:
    """TID 10022, with organ doses by figures that are invented but of the right size."""
    return [
        container(
            "CONTAINS", "113502", "Radiopharmaceutical Administration",
            code(
                "CONTAINS", "349358000", "Radiopharmaceutical agent", "35321007", "Fluorodeoxyglucose F^18^", SCT, SCT
            ),
            code("CONTAINS", "89457008", "Radionuclide", "77004003", "^18^Fluorine", SCT, SCT),
            content.uid(
                "CONTAINS", "113503", "Radiopharmaceutical Administration Event UID", uid(seed, "event", "pet")
            ),
            moment("CONTAINS", "123003", "Radiopharmaceutical Start DateTime", "20260302091500"),
            number("113507", "Administered activity", truth.INJECTED_BQ / 1e6, "MBq"),
            *(
                container(
                    "CONTAINS", "113517", "Organ Dose Information",
                    code("CONTAINS", "363698007", "Finding Site", organ, name, SCT, SCT),
                    number("113518", "Organ Dose", dose, "mGy"),
                )
                for organ, name, dose in (("89837001", "Urinary bladder", 39.0), ("80891009", "Heart", 20.1))
            ),
        )
    ]  # fmt: skip
