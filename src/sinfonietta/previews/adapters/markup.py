"""Markdown, HTML and notebooks: what they say, without anything that acts or loads from elsewhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nh3

from sinfonietta.previews.adapters import Undrawable
from sinfonietta.previews.adapters.texts import Answer, beginning, coloured

NOTEBOOK_BYTES = 32 << 20
MOST_CELLS = 500
MOST_OUTPUT = 200_000
PICTURES = ("image/png", "image/jpeg", "image/gif")
TAGS = nh3.ALLOWED_TAGS | {"section", "article", "header", "footer", "main"}


def clean(html: str) -> str:
    """HTML with neither script nor style nor form, and only pictures that it carries itself."""

    def kept(tag: str, name: str, value: str) -> str | None:
        if name == "src":
            return value if value.startswith(tuple(f"data:{one};base64," for one in PICTURES)) else None
        return None if value.strip().lower().startswith("data:") else value

    return nh3.clean(html, tags=TAGS, attribute_filter=kept, url_schemes={"http", "https", "mailto", "data"},
                     link_rel="noopener noreferrer nofollow")  # fmt: skip


def from_markdown(text: str) -> str:
    """Markdown (CommonMark and tables) as clean HTML."""
    from markdown_it import MarkdownIt  # noqa: PLC0415

    return clean(MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(text))


def markdown(path: str, name: str) -> Answer:
    """Rendered, and the source is one click away."""
    text, _, is_cut = beginning(path)
    return {"html": from_markdown(text), "is_cut": is_cut}, b""


def html(path: str, name: str) -> Answer:
    """A page for a sandboxed frame."""
    text, _, is_cut = beginning(path)
    return {"is_cut": is_cut}, clean(text).encode()


def notebook(path: str, name: str) -> Answer:
    """The cells of a Jupyter notebook (nbformat 4) with their kept outputs."""
    if Path(path).stat().st_size > NOTEBOOK_BYTES:
        raise Undrawable(f"The notebook is larger than {NOTEBOOK_BYTES >> 20} MiB.")
    try:
        said = json.loads(Path(path).read_bytes())
        cells, language = said["cells"], said.get("metadata", {}).get("language_info", {})
        ending = str(language.get("file_extension") or ".py")
        shown = [_cell(one, ending) for one in cells[:MOST_CELLS]]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as problem:
        raise Undrawable("This is no Jupyter notebook of version 4.") from problem
    return {"cells": shown, "language": str(language.get("name", "")), "is_cut": len(cells) > MOST_CELLS}, b""


def _cell(cell: dict[str, Any], ending: str) -> dict[str, Any]:
    source = _joined(cell.get("source", ""))[:MOST_OUTPUT]
    if cell["cell_type"] == "markdown":
        return {"html": from_markdown(source)}
    if cell["cell_type"] != "code":
        return {"text": source}
    outputs = [_output(one) for one in cell.get("outputs", [])[:50]]
    return {"lines": coloured(source, f"x{ending}")[1], "count": cell.get("execution_count"), "outputs": outputs}


def _output(said: dict[str, Any]) -> dict[str, Any]:
    if said["output_type"] == "error":
        return {"text": f"{said.get('ename', '')}: {said.get('evalue', '')}"[:MOST_OUTPUT], "is_error": True}
    data = said.get("data", {})
    for kind in PICTURES:
        if kind in data:
            return {"picture": f"data:{kind};base64,{_joined(data[kind]).replace(chr(10), '')}"}
    if "text/html" in data:
        return {"html": clean(_joined(data["text/html"])[:MOST_OUTPUT])}
    return {"text": _joined(data.get("text/plain", said.get("text", "")))[:MOST_OUTPUT]}


def _joined(said: Any) -> str:
    return "".join(map(str, said)) if isinstance(said, list) else str(said)
