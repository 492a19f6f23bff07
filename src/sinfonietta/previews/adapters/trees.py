"""JSON, XML, YAML and TOML as one flat list of branches and leaves, bounded, in the order in which they are drawn."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from sinfonietta.previews.adapters import Undrawable
from sinfonietta.previews.adapters.texts import Answer, beginning

MOST_BYTES = 16 << 20
MOST_NODES = 4_000
DEEPEST = 60
LONGEST = 500
OPEN_NODES = 200
"""A branch further down is closed at first."""
Branch = tuple[str, str, str, Iterable[Any] | None]
"""Label, value, type, and what is below it."""


def show(path: str, name: str) -> Answer:
    """``nodes``: label, value, type, ``opens`` (it is a branch) and how many branches end after it."""
    text, _, is_cut = beginning(path, MOST_BYTES)
    if is_cut:
        raise Undrawable(f"The file is larger than {MOST_BYTES >> 20} MiB and is not shown as a tree.")
    form = next((form for endings, form in FORMS if Path(name.lower()).suffix in endings), _json)
    try:
        nodes = _flat(form(text))
    except RecursionError as problem:
        raise Undrawable("It is nested too deeply to be shown as a tree.") from problem
    return {"nodes": nodes, "is_cut": len(nodes) >= MOST_NODES}, b""


def _flat(root: Branch) -> list[dict[str, Any]]:
    nodes: list[dict[str, Any]] = []

    def add(branch: Branch, depth: int) -> None:
        label, value, kind, below = branch
        node = {"label": label[:LONGEST], "value": value[:LONGEST], "type": kind, "opens": False, "closes": ""}
        nodes.append(node)
        if below is None:
            return
        node |= {"opens": True, "is_open": len(nodes) < OPEN_NODES}
        for child in below if depth < DEEPEST else ():
            if len(nodes) >= MOST_NODES:
                break
            add(child, depth + 1)
        nodes[-1]["closes"] += "x"

    add(root, 0)
    return nodes


def _json(text: str) -> Branch:
    try:
        return _of_value("", json.loads(text))
    except ValueError as problem:
        raise Undrawable(f"It is not valid JSON: {problem}") from problem


def _toml(text: str) -> Branch:
    try:
        return _of_value("", tomllib.loads(text))
    except ValueError as problem:
        raise Undrawable(f"It is not valid TOML: {problem}") from problem


def _of_value(label: str, value: Any) -> Branch:
    if isinstance(value, dict):
        return label, f"{len(value)} keys", "object", (_of_value(str(key), one) for key, one in value.items())
    if isinstance(value, list):
        return label, f"{len(value)} items", "list", (_of_value(str(at), one) for at, one in enumerate(value))
    if isinstance(value, str):
        return label, value, "text", None
    return label, json.dumps(value, default=str), type(value).__name__, None


def _yaml(text: str) -> Branch:
    import yaml  # noqa: PLC0415

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:  # composed, never constructed: no merge and no alias is multiplied
        documents = list(yaml.compose_all(text, Loader=loader))
    except yaml.YAMLError as problem:
        raise Undrawable(f"It is not valid YAML: {problem}") from problem
    if len(documents) == 1:
        return _of_node("", documents[0])
    below = (_of_node(f"document {at}", one) for at, one in enumerate(documents, 1))
    return "", f"{len(documents)} documents", "list", below


def _of_node(label: str, node: Any) -> Branch:
    import yaml  # noqa: PLC0415

    if isinstance(node, yaml.MappingNode):
        below = (_of_node(key.value if isinstance(key.value, str) else "(key)", one) for key, one in node.value)
        return label, f"{len(node.value)} keys", "object", below
    if isinstance(node, yaml.SequenceNode):
        items = (_of_node(str(at), one) for at, one in enumerate(node.value))
        return label, f"{len(node.value)} items", "list", items
    return label, node.value if node else "", node.tag.rpartition(":")[2] if node else "null", None


def _xml(text: str) -> Branch:
    from defusedxml import DefusedXmlException  # noqa: PLC0415
    from defusedxml.ElementTree import ParseError, fromstring  # noqa: PLC0415

    try:
        return _of_element(fromstring(text.encode()) if not text.startswith("<?xml") else fromstring(_bare(text)))
    except DefusedXmlException as problem:
        raise Undrawable("The XML defines entities, which are not followed; look at it as text.") from problem
    except (ParseError, ValueError) as problem:
        raise Undrawable(f"It is not well-formed XML: {problem}") from problem


def _bare(text: str) -> bytes:
    """Without the declaration, which may name another encoding than the bytes now have."""
    return text.partition("?>")[2].lstrip().encode()


def _of_element(element: Any) -> Branch:
    def below() -> Iterator[Branch]:
        for key, value in element.attrib.items():
            yield f"@{_plain(key)}", value, "attribute", None
        for child in element:
            yield _of_element(child)

    has_more = len(element) or element.attrib
    return _plain(element.tag), (element.text or "").strip(), "element", below() if has_more else None


def _plain(tag: str) -> str:
    return tag.rpartition("}")[2]


FORMS = (((".xml", ".xsd", ".xsl", ".gpx"), _xml), ((".yaml", ".yml"), _yaml), ((".toml",), _toml))
