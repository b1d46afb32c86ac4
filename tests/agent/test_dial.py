"""Which addresses reach a service."""

from __future__ import annotations

import pytest

from port_linker.agent.dial import plan_dial
from port_linker.model import Proto, Service, ServiceId


@pytest.mark.parametrize(
    ("host", "v6only", "wanted"),
    [
        ("127.0.0.1", False, ["127.0.0.1"]),
        ("127.0.1.1", False, ["127.0.1.1"]),
        ("10.0.0.5", False, ["10.0.0.5"]),
        ("0.0.0.0", False, ["127.0.0.1"]),
        ("::", False, ["127.0.0.1", "::1"]),
        ("::", True, ["::1"]),
        ("::1", False, ["::1"]),
        ("fd00::7", False, ["fd00::7"]),
        ("::ffff:127.0.0.1", False, ["127.0.0.1"]),
        ("::ffff:7f00:1", False, ["127.0.0.1"]),
    ],
)
def test_the_exact_address_is_dialled(host: str, v6only: bool, wanted: list[str]) -> None:
    service = Service(ServiceId(Proto.TCP, host, 80), uid=0, v6only=v6only)
    assert plan_dial(service) == [(address, 80) for address in wanted]
