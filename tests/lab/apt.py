"""Where this machine gets its Debian packages from. Pure."""

from __future__ import annotations

from collections.abc import Iterable


def find_mirror(texts: Iterable[str]) -> str | None:
    """Return the first Debian archive named in the texts of apt's sources, or None.

    texts: the contents of sources.list (one line each) and *.sources (deb822 stanzas).
    A Debian archive has "main" among its components and is neither for security updates nor
    for another vendor (its path ends in "/debian").
    """
    for text in texts:
        for uri, components in [*_from_lines(text), *_from_stanzas(text)]:
            if "main" in components and uri.rstrip("/").endswith("/debian"):
                return uri.rstrip("/")
    return None


def _from_lines(text: str) -> Iterable[tuple[str, list[str]]]:
    for line in text.splitlines():
        words = line.split("#")[0].split()
        if not words or words[0] != "deb":
            continue
        if len(words) > 1 and words[1].startswith("["):
            end = next((i for i, word in enumerate(words) if word.endswith("]")), 0)
            words = [words[0], *words[end + 1 :]]
        if len(words) > 3:
            yield words[1], words[3:]


def _from_stanzas(text: str) -> Iterable[tuple[str, list[str]]]:
    for stanza in text.split("\n\n"):
        fields = {}
        for line in stanza.splitlines():
            name, colon, value = line.partition(":")
            if colon and not line.startswith(("#", " ", "\t")):
                fields[name.strip().lower()] = value.split()
        if "deb" in fields.get("types", []) and "no" not in fields.get("enabled", []):
            for uri in fields.get("uris", []):
                yield uri, fields.get("components", [])
