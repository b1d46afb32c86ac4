"""The mirror is found in both formats of apt's sources."""

from __future__ import annotations

from tests.lab.apt import find_mirror

STANZAS = """\
Types: deb
# a comment
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main

Types: deb deb-src
URIs: http://mirror.example/debian/
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/x.gpg
"""


def test_a_stanza_names_the_mirror() -> None:
    assert find_mirror([STANZAS]) == "http://mirror.example/debian"


def test_a_line_names_the_mirror_with_options_or_without() -> None:
    vendor = "deb https://vendor.example/apt stable main\n"
    assert (
        find_mirror([vendor, "deb http://a.example/debian bookworm main"])
        == "http://a.example/debian"
    )
    line = "# old\ndeb [ arch=amd64 signed-by=/k ] http://b.example/debian bookworm main # x"
    assert find_mirror([line]) == "http://b.example/debian"


def test_what_is_switched_off_or_source_only_does_not_count() -> None:
    assert find_mirror([STANZAS.replace("Types", "Enabled: no\nTypes"), "deb", ""]) is None
    assert find_mirror(["deb-src http://a.example/debian bookworm main"]) is None
