"""Who is ended without asking: where the command line says so, and a few times."""

from __future__ import annotations

from port_linker.ports.conflicts import MAX_KILLS, KillLicence
from tests.ports.kit import NODE, options, service

WEB = service("127.0.0.1:8080", process="web")


def test_only_a_named_port_and_a_few_times() -> None:
    licence = KillLicence(options("kill", only="8080,web"))
    for _ in range(MAX_KILLS):
        assert licence.explain_refusal(WEB, 8080, NODE) is None
        licence.use(WEB, 8080)
    assert "3 processes were ended" in (licence.explain_refusal(WEB, 8080, NODE) or "")
    assert licence.explain_refusal(WEB, 8081, NODE) is None, "another local port, by --map"
    other = service("127.0.0.1:9000", process="web")
    told = licence.explain_refusal(other, 9000, NODE)
    assert told == "port 9000 is not named in --only"


def test_a_holder_that_is_not_ours_is_spared() -> None:
    told = KillLicence(options("kill", only="8080")).explain_refusal(WEB, 8080, None)
    assert told == "its process is not ours to see"
