"""What is bound: what goes in comes out, what is malformed is the one error."""

from __future__ import annotations

import json
from typing import Any

import pytest

from port_linker.errors import ProtocolError
from port_linker.protocol import bound as m


def test_what_is_bound_comes_out_as_it_went_in() -> None:
    for changes in (
        m.BoundChanges(is_full=True),
        m.BoundChanges(("tcp/127.0.0.1:1",), ("udp/[::1]:2",)),
        m.BoundChanges(("tcp/127.0.0.1:1",), is_full=True),
    ):
        (message,) = m.encode_bound(changes)
        assert m.parse_bound(json.loads(json.dumps(message))) == changes


@pytest.mark.parametrize(
    "message", [{"add": "tcp/127.0.0.1:1"}, {"drop": [1]}, {"add": ["x" * 101]}, {"add": {}}]
)
def test_what_is_bound_is_a_list_of_short_keys(message: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError):
        m.parse_bound({"t": "quic-bound", **message})
