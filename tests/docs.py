"""The documents of the repository, and what is in them: code blocks, links and headings."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
GUIDE = ROOT / "cli" / "README.md"
#: Every document, with its path from the root.
DOCUMENTS = {
    path.relative_to(ROOT).as_posix(): path
    for folder in (".", ".github", "cli", "meshimplant", "sample_meshes", "tests")
    for path in sorted((ROOT / folder).glob("*.md" if folder in (".", "cli") else "**/*.md"))
}


def text_of(path: Path) -> str:
    """Return the text of a document."""
    return path.read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    """Return the code blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.S | re.M)


def commands(text: str) -> list[str]:
    """Return every meshimplant command line, in shell blocks and in the cells of tables."""
    lines = [line for block in blocks(text, "sh") for line in block.splitlines()]
    cells = re.findall(r"^\|.*\| `(meshimplant [^`]+)` \|$", text, re.M)
    return [line for line in lines if line.startswith("meshimplant ")] + cells


def links(text: str) -> list[str]:
    """Return the targets of all links and pictures that do not leave the repository."""
    return re.findall(r"\]\((?!https?:)([^)\s]+)\)", re.sub(r"^```.*?^```", "", text, flags=re.S | re.M))


def anchors(text: str) -> set[str]:
    """Return the anchor of each heading, as GitHub makes it."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```", "", text, flags=re.S | re.M), re.M)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
