"""The large part of an instance as it is kept: the dataset, and the rest of what the parser learned; compressed."""

from __future__ import annotations

import zlib
from dataclasses import fields, replace
from typing import Any

import orjson

from sinfonietta.dicom.parse import Header
from sinfonietta.dicom.pixels import from_dict

LEVEL = 1
"""Of zlib: 1 takes a fifth of the time of 6 and leaves 15 % more bytes."""


def pack_dataset(dataset: dict[str, Any]) -> bytes:
    """The DICOM JSON, compressed. Its text is UTF-8 and says so (DICOM PS3.18 F.2)."""
    if "00080005" in dataset:
        dataset = dataset | {"00080005": {"vr": "CS", "Value": ["ISO_IR 192"]}}
    return zlib.compress(orjson.dumps(dataset), LEVEL)


def dataset_text(packed: bytes | memoryview) -> bytes:
    """The JSON text of a packed dataset."""
    return zlib.decompress(packed)


def dataset_of(packed: bytes | memoryview) -> dict[str, Any]:
    """A packed dataset as an object."""
    found: dict[str, Any] = orjson.loads(zlib.decompress(packed))
    return found


def pack_places(header: Header) -> bytes:
    """All of a header but its dataset, compressed: where pixels and bulk data lie, above all."""
    rest = {one.name: getattr(header, one.name) for one in fields(header) if one.name != "json"}
    return zlib.compress(orjson.dumps(rest), LEVEL)


def header_of(places: bytes | memoryview, dataset: bytes | memoryview | None = None) -> Header:
    """The header as the parser gave it; without its dataset where none is given."""
    found = orjson.loads(zlib.decompress(places))
    bulk = {uri: (offset, length, vr) for uri, (offset, length, vr) in found["bulk"].items()}
    header = Header(**{**found, "bulk": bulk, "pixels": from_dict(found["pixels"]), "json": {}})
    return header if dataset is None else replace(header, json=dataset_of(dataset))
