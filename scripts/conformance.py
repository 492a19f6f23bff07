"""The DICOM conformance statement (DICOM PS3.2), its tables taken from those that the code works by."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sinfonietta.config.settings")

import django

django.setup()

from pydicom.datadict import dictionary_VR, keyword_for_tag
from pydicom.pixels.decoders.base import _PIXEL_DATA_DECODERS
from pydicom.uid import UID

from sinfonietta.dicom import services
from sinfonietta.dicom.dataset import attributes, dicomdir, parse
from sinfonietta.dicom.dataset.charset import PLAIN
from sinfonietta.dicom.dataset.elements import Limits
from sinfonietta.dicom.image import annotate, decode, transcode
from sinfonietta.dicom.image.options import TARGETS
from sinfonietta.dicom.image.render import MOST_FRAMES
from sinfonietta.dicom.index import matching
from sinfonietta.dicom.network import negotiation
from sinfonietta.interfaces.dicomweb import capabilities, media, qido, rendered, report_text, stow, urls
from sinfonietta.interfaces.dimse import find

HEAD = """# DICOM conformance statement

Written by `scripts/write_reference.py` from the tables that the code works by; `make check` fails where they differ.
The order follows DICOM PS3.2. Research only: not a medical device.

## Overview

Sinfonietta is a repository with access rights. Over DICOMweb it is an origin server of the Studies Service (PS3.18 10:
search, retrieve, store), of WADO-URI (PS3.18 9) and of capabilities (PS3.18 8.9). It keeps instances of every SOP class
and transfer syntax, private ones too, with the bytes that were sent; what cannot be parsed to its end is kept as a file
and is in no DICOMweb root. The worklist service (UPS-RS) is not offered.

Roots: `/dicomweb/` is all that the account may read; `/dicomweb/collections/{id}/` and `/dicomweb/folders/{id}/` are
what lies in one place. Each has all services. What an account may not read does not exist for it at any level, nor in
counts, modalities or sizes: the answer is that for what is absent (404, or an empty list).

## DIMSE

Known nodes only, each bound to an account, with or without TLS ([Connect DICOM nodes](../how-to/connect-dicom-nodes.md)).
As SCP and as SCU; instances leave in their own transfer syntax where that is accepted, else in explicit or implicit VR little
endian, converted as below.

{dimse}
## Services over HTTP
"""

SEARCH = """## Search (QIDO-RS)

Answers: `application/dicom+json`, or `multipart/related; type="application/dicom+xml"` with one part a match (Native
DICOM Model, PS3.19 A.1). Nothing found is 200 with an empty list. `limit` is at most {most} (instances for which whole
datasets must be looked through: {most_datasets}); where there is more, a `Warning: 299` says so, and `offset` goes on.
Studies come with the newest first; where it is asked how a name begins (`Ro*`), in the order of names.
An attribute that cannot be matched is refused with 400, by its name.

- Attributes are named by tag or keyword; into sequences by a path of them (`00400275.00400009`,
  `RequestAttributesSequence.ScheduledProcedureStepID`): a sequence matches where one of its items does.
- Matching (PS3.4 C.2.2.2): single value and wildcards `*` and `?`, case-sensitive; lists of UIDs (comma or backslash,
  up to {most_uids}), of modalities and of numbers; ranges of dates and times; universal. `ModalitiesInStudy` matches
  studies in which the account sees a series of that modality.
- Person names: without regard to case, width and repeated spaces; what is asked matches the alphabetic, ideographic or
  phonetic representation, or all of them where they are joined by `=`. With `fuzzymatching=true` each word that is
  asked begins a word of the name, in any order. Other person names (inside sequences) match without regard to the case
  of ASCII letters.
- `includefield`: any attribute by tag, keyword or path (of a path the whole sequence comes), or `all`; at the level of
  studies and series what the tables below list, at that of instances the whole dataset.
- What tables 10.6.3-3 to 10.6.3-5 require without a condition is in every answer, empty where the instance has no such
  attribute: date, time, ID, accession number and referring physician of the study, name, ID, birth date and sex of the
  patient, modality and number of the series, number of the instance. Other attributes that an instance lacks are left
  out; empty ones come empty. (What was filed before this was so follows with `sinfonietta reindex`.) C-FIND answers each
  key that was asked for, empty where there is nothing.
- Of a study or series that lies in several places its instances are counted once, and the attributes are those of the
  instance filed last among those that the account sees.
"""

RETRIEVE = """## Retrieve (WADO-RS)

Files come as they are stored where no transfer syntax is named or `transfer-syntax=*`; as a single part
(`application/dicom`) or in `multipart/related`. Where one is named (in `Accept`, or as query parameter), files are
converted, without loss, to one of the targets below. Pixels keep their values; SOP Instance UIDs stay. Lossy targets are
never made: an image compressed with further loss would be another instance with another UID (PS3.3 C.7.6.1.1.5). A lossy
source that is decoded is marked with Lossy Image Compression (0028,2110). In an answer of many files one that cannot be
converted (a video, 32 bits a value to a compressed syntax) comes as it is stored, and its part says so; alone it is 406.
Implicit little endian and big endian are never sent unless they are what is stored (PS3.18 8.7.3). Whole answers are
streamed; a frame that turns out not to be there breaks the transfer off instead of ending it well.

Frames: as stored by default; decoded as `application/octet-stream`, or compressed as the media types below, on request.
Bulk data: single values by the addresses in metadata, nested ones too; all of a study, series or instance at
`/bulkdata`, pixel data alone at `/pixeldata`. Metadata: JSON or XML, bulk data by address.
"""

RENDERED = """## Rendered (PS3.18 8.3.5, 8.7.4)

- Images as `image/jpeg` (default), `image/png`, `image/gif`; an instance with several frames as a GIF that moves (up to
  {most_frames} frames), or each frame in a part; one frame otherwise. A study or series in `multipart/related` has a part
  for each of its images; as a single part, the image that stands for it.
- Videos come as the stream that is stored, with its media type; no other one is made (406).
- Encapsulated documents come as what they are: {documents}.
- Structured reports and key object selections as `text/html` (default; a page without script) or `text/plain`: the tree
  of the report, of more than {most_items:,} items the upper levels.
- Waveforms, RT objects: 406; the portal shows RT objects.
- Parameters: `window` (center, width, and linear, linear-exact or sigmoid), `viewport` (size; region of the source, turned
  over where its width or height is negative; scaled up or down to fit), `quality` (JPEG), `annotation` (below),
  `charset`, `iccprofile` (understood, and no profile is embedded). Unknown ones are refused with 400.
"""

STORE = """## Store (STOW-RS)

Media types: {stored}; or one `application/dicom` without parts. Bulk data of metadata come with it, in parts named by
`Content-Location`; compressed frames each in a part. An address that did not come with the request fails its instance:
none is ever followed. Metadata become files in explicit VR little endian (UTF-8), or in the transfer syntax of their
compressed pixel data. A request has up to {most_parts} parts; instances are filed in batches, and what cannot be filed
fails alone.

At `beside/studies` each instance is filed beside the study that it belongs to, as that lies below the root and the account
may write; of a study that it may only read, or does not see, 0124.

Status: 200 all stored, 202 some, 409 none; 400, 413, 415 where the body is none. Storing the same bytes again succeeds
and changes nothing; other content under a known UID is stored beside it, both marked as in conflict, with a `Warning`.

| failure reason (0008,1197) | when |
|---|---|
"""

LAST = """## Delete

`DELETE` on a study, series or instance takes all of it that the account sees in that root to the trash, or nothing: 204;
403 where some of it is not the account's to write; 404 where it sees nothing.

## WADO-URI

`/wado` below each root, with {uri}. A single frame is `image/jpeg` by default, all else `application/dicom`, in explicit
VR little endian where it can be had so. `anonymize` and `presentationUID` are refused (406), not ignored.

## Media

File-set creator (PS3.10 8, PS3.11 STD-GEN): `/api/v1/studies/archive` is a zip of a file set. Transfer syntaxes are those
of the stored files. The DICOMDIR is in explicit VR little endian, its texts in ISO_IR 192 where ASCII is not enough, with
records of these types: {records}. Instances of other classes are IMAGE.

## Objects that are made

Segmentation Storage (1.2.840.10008.5.1.4.1.1.66.4), BINARY, of a structure set; frames that mark nothing are left out.

## Limits for what is parsed

| | |
|---|---|
| nested sequences | {depth} |
| attributes | {elements:,} |
| a deflated dataset | {inflate} MiB |
| an image that is decoded | {samples:,} values |

## Character sets

Single sets by their own codecs ({sets}), code extensions (ISO 2022) by pydicom's. What cannot be decoded becomes U+FFFD;
stored bytes stay as they are. Answers are in UTF-8.

## Security

TLS is the front server's. Every request is of an account: session, bearer token, or Basic. Every read and write is in
the audit, by ids, never by names.
"""

REASONS = {
    "NOT_AUTHORISED": "the place is not the account's to write",
    "PROCESSING_FAILURE": "a rule of the place, or of names",
    "OUT_OF_RESOURCES": "the quota or the disk is full",
    "DOES_NOT_MATCH": "it belongs to another study than the address says",
    "CANNOT_UNDERSTAND": "no DICOM, damaged, without its UIDs, or metadata that break the rules",
}


def page() -> str:
    """The statement."""
    limits = Limits()
    documents = ", ".join(f"`{kind}`" for kind in rendered.DOCUMENTS.values())
    most = {"most": qido.MOST_ROWS, "most_datasets": qido.MOST_DATASETS, "most_uids": matching.MOST_UIDS}
    lines = [
        HEAD.format(id="{id}", dimse=_dimse()),
        *_services(),
        SEARCH.format(**most),
        *_attributes(),
        RETRIEVE,
        *_syntaxes(),
        RENDERED.format(documents=documents, most_frames=MOST_FRAMES, most_items=report_text.MOST_ITEMS),
        *_annotations(),
        STORE.format(stored=", ".join(f"`{kind}`" for kind in capabilities.STORED), most_parts=f"{stow.MOST_PARTS:,}")
        + "\n".join(f"| {getattr(services, name):04X} | {said} |" for name, said in REASONS.items())
        + "\n",
        LAST.format(
            uri=", ".join(f"`{name}`" for name in capabilities.URI),
            records=", ".join(["PATIENT", "STUDY", "SERIES", "IMAGE", *_record_types()]),
            depth=limits.depth,
            elements=limits.elements,
            inflate=limits.inflate_bytes >> 20,
            samples=decode.MAX_SAMPLES,
            sets=", ".join(f"`{name}`" for name in _character_sets()),
        ),
    ]
    return "\n".join(line.rstrip("\n") if line.startswith("|") else line for line in lines).rstrip() + "\n"


def _record_types() -> list[str]:
    return sorted({*dicomdir.TYPES.values(), *dicomdir.BEGINNINGS.values()})


def _character_sets() -> Iterable[str]:
    return (name for name in PLAIN if name)


def _dimse() -> str:
    rows = ["| service | UID | transfer syntaxes |", "|---|---|---|"]
    messages = f"{len(negotiation.PLAIN)}: {', '.join(negotiation.PLAIN)}"
    rows += [f"| {UID(uid).name} | {uid} | {messages} |" for uid in sorted(negotiation.SERVICES)]
    syntaxes = len(negotiation.transfer_syntaxes())
    rows.append(
        f"| {len(negotiation.storage_classes())} storage SOP classes, all that are known | | {syntaxes}, all that are known |"
    )
    rows += ["", "| level of C-FIND | keys that are matched |", "|---|---|"]
    named = {level: sorted(map(_keyword, keys)) for level, keys in find.KEYS.items()}
    rows += [f"| {level} | {', '.join(keywords)} |" for level, keywords in named.items()]
    return "\n".join(rows) + "\n"


def _keyword(tag: str) -> str:
    return keyword_for_tag(int(tag, 16))


def _services() -> list[str]:
    rows = ["| resource | methods | media types |", "|---|---|---|"]
    for resource in capabilities.described(urls.SERVICES):
        methods = [method["name"] for method in resource["methods"]]
        gives = next((method["gives"] for method in resource["methods"] if method["name"] == "GET"), ())
        kinds = dict.fromkeys(_short(kind) for kind in gives)
        rows.append(f"| `/{resource['path']}` | {', '.join(methods)} | {', '.join(kinds)} |")
    return [*rows, ""]


def _short(kind: str) -> str:
    return kind.partition("; transfer-syntax")[0].replace(f"{media.MULTIPART}; type=", "parts of ").replace('"', "")


def _attributes() -> list[str]:
    rows = ["| level | attribute | tag | VR | matched by |", "|---|---|---|---|---|"]
    levels: tuple[tuple[str, Sequence[str]], ...] = (
        ("study", (*attributes.STUDY_TAGS, matching.MODALITIES_IN_STUDY)),
        ("series", attributes.SERIES_TAGS),
        ("instance", attributes.INSTANCE_TAGS),
    )
    for level, tags in levels:
        for tag in tags:
            vr = dictionary_VR(int(tag, 16))
            rows.append(
                f"| {level} | {keyword_for_tag(int(tag, 16))} | {tag[:4]},{tag[4:]} | {vr} | {_matched(tag, vr)} |"
            )
    return [*rows, ""]


def _matched(tag: str, vr: str) -> str:
    if vr == "SQ":
        return "what is in its items"
    if vr == "UI":
        return "list of UIDs"
    if vr in {"DA", "TM", "DT"}:
        return "single value, range"
    if vr == "PN":
        return "name, wildcards, fuzzy"
    if vr in {"US", "IS", "DS"}:
        return "list of numbers"
    is_list = tag in {"00080060", matching.MODALITIES_IN_STUDY}
    return "list, wildcards" if is_list else "single value, wildcards"


def _syntaxes() -> list[str]:
    """Every transfer syntax that is known: decoded, made, and how its frames are called."""
    known = {str(uid) for uid, (decoder, _) in _PIXEL_DATA_DECODERS.items() if decoder.is_available}
    decoded = known | set(decode.NATIVE) | set(decode.OWN)
    every = decoded | TARGETS | set(media.FRAME_TYPES) | set(parse.DEFLATED)
    rows = [
        "| transfer syntax | UID | kept | decoded | made from others | frames as stored |",
        "|---|---|---|---|---|---|",
    ]
    for uid in sorted(every, key=lambda one: [int(part) for part in one.split(".")]):
        made = "yes" if uid in TARGETS else ""
        kind = media.FRAME_TYPES.get(uid, media.OCTETS)
        is_drawn = "yes" if uid in decoded - decode.REFERENCED - decode.VIDEOS else ""
        rows.append(f"| {_name(uid)} | {uid} | yes | {is_drawn} | {made} | `{kind}` |")
    assert set(transcode.ENCODERS) <= TARGETS
    return [*rows, ""]


def _name(uid: str) -> str:
    name = UID(uid).name
    return {"1.2.840.10008.1.2.8.1": "Deflated Image Frame Compression"}.get(uid, "" if name == uid else name)


def _annotations() -> list[str]:
    rows = ["| annotation | what is written |", "|---|---|"]
    for keyword, lines in annotate.ANNOTATIONS.items():
        rows.append(f"| `{keyword}` | {', '.join(keyword_for_tag(int(tag, 16)) for _, tag in lines)} |")
    return [*rows, ""]
