"""Links of the documentation lead somewhere."""

from __future__ import annotations

import os
import re

import pytest

from tests.house.source import ROOT, tracked_files

PAGES = [name for name in tracked_files() if name.endswith(".md")]


def read(name: str) -> str:
    with open(os.path.join(ROOT, name), encoding="utf-8") as file:
        return re.sub(r"```.*?```", "", file.read(), flags=re.DOTALL)


def anchors(text: str) -> set[str]:
    """Return the anchors that a page's headings make, as the usual renderers name them."""
    found = set()
    for line in re.findall(r"^#+ (.*)$", text, re.MULTILINE):
        plain = re.sub(r"[^\w\- ]", "", line.strip().lower().replace("`", ""))
        found.add(plain.replace(" ", "-"))
    return found | set(re.findall(r'<a (?:id|name)="([^"]+)"', text))


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    wrong = []
    for target in re.findall(r"\]\(([^)\s]+)\)", read(page)):
        if "://" in target or target.startswith("mailto:"):
            continue
        name, _, anchor = target.partition("#")
        path = os.path.normpath(os.path.join(os.path.dirname(page), name)) if name else page
        if not os.path.exists(os.path.join(ROOT, path)):
            wrong.append(f"{page} links to {target}, which is not there")
        elif anchor and path.endswith(".md") and anchor not in anchors(read(path)):
            wrong.append(f"{page} links to {target}, but there is no such heading")
    assert not wrong, "\n".join(wrong)
