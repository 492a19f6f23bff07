"""Check the texts: links between them resolve, and none names a place on somebody's machine.

    python3 scripts/check_docs.py

Looks at every Markdown file that git knows or would add. Exit 1 and one line for each finding.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

ROOT = Path(__file__).resolve().parent.parent
LINK = re.compile(r"!?\[[^\]]*\]\(<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\)|\b(?:src|href)=\"([^\"]+)\"")
HEADING = re.compile(r"^#{1,6}\s+(.*?)\s*#*$", re.MULTILINE)
FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`[^`\n]*`")
MACHINE_PATH = re.compile(r"(?<![\w./-])/(?:home|root|work|Users)/[\w.-]+")


def documents() -> list[Path]:
    """The Markdown files of the project."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "*.md"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [path for name in sorted(set(names.split("\0"))) if name and (path := ROOT / name).is_file()]


def anchors(text: str) -> set[str]:
    """The anchors of a text's headings, as GitHub and GitLab make them."""
    found = set()
    for heading in HEADING.findall(FENCE.sub("", text)):
        plain = re.sub(r"[^\w\s-]", "", heading.replace("`", "").lower())
        found.add(re.sub(r"\s", "-", plain.strip()))
    return found


def findings(document: Path) -> Iterator[str]:
    """What is wrong in one text."""
    text = document.read_text("utf-8")
    where = document.relative_to(ROOT)
    for number, line in enumerate(text.splitlines(), 1):
        for path in MACHINE_PATH.findall(line):
            yield f"{where}:{number}: names a place on a machine: {path}"
    prose = CODE.sub("", FENCE.sub("", text))
    for match in LINK.finditer(prose):
        link = match[1] or match[2]
        if re.match(r"[a-z][a-z0-9+.-]*:", link):
            continue
        path, _, anchor = unquote(link).partition("#")
        target = (document.parent / path).resolve() if path else document
        if path.startswith("/") or not target.is_relative_to(ROOT):
            yield f"{where}: leads out of the project: {link}"
        elif not target.exists():
            yield f"{where}: leads nowhere: {link}"
        elif anchor and target.suffix == ".md" and anchor not in anchors(target.read_text("utf-8")):
            yield f"{where}: no such heading: {link}"


def main() -> int:
    """The command; the exit status."""
    texts = documents()
    found = [line for document in texts for line in findings(document)]
    print("\n".join(found) or f"{len(texts)} texts: every link leads somewhere.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
