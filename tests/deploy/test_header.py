"""The line that tells the attacher what to do."""

from __future__ import annotations

import json

from port_linker.deploy.header import encode_header
from port_linker.deploy.settings import ConnectSettings
from tests.deploy.rig import make_header


def test_it_is_one_line_with_all_that_the_attacher_reads() -> None:
    settings = ConnectSettings("a1", "70cce4", "h1", version="a\nb")
    line = encode_header(settings, ["/d"], "ff", 7, bytes(16))
    assert line.count(b"\n") == 1
    header = json.loads(line)
    assert header.keys() == make_header([]).keys()
    assert header["sync"] == "00" * 16
    assert header["version"] == "a\nb"
