"""What a connection needs to know."""

from __future__ import annotations

from port_linker.deploy.settings import ConnectSettings


def test_the_token_is_not_shown() -> None:
    settings = ConnectSettings(agent_id="a1", token="s3cret", host_id="h1")
    assert "s3cret" not in repr(settings)


def test_an_agent_without_a_host_ends_by_itself() -> None:
    settings = ConnectSettings(agent_id="a1", token="t", host_id="h1")
    assert settings.lease_s == (43200.0, 120.0)
