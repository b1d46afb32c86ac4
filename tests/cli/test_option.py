"""How an option is spelled."""

from __future__ import annotations

from port_linker.cli import options


def test_spellings() -> None:
    by_name = {option.name: option for option in options.OPTIONS}
    assert by_name["on_conflict"].flags == ("--on-conflict",)
    assert by_name["on_conflict"].env == "PORT_LINKER_ON_CONFLICT"
    assert by_name["verbose"].flags == ("--verbose", "-v")
    assert by_name["only"].takes_value
    assert not by_name["json"].takes_value
