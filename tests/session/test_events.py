"""The stream of events keeps to its schema."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from port_linker.ports.types import ServiceState
from port_linker.session.events import LinkState, SessionEvent, SessionState, format_time
from tests.ui.samples import EVERY_KIND

DOCS = Path(__file__).parents[2] / "docs"
SCHEMA = json.loads((DOCS / "events.schema.json").read_text())
CHECK = jsonschema.Draft202012Validator(
    SCHEMA, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
)


def test_the_schema_is_one_and_is_shipped() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    shipped = resources.files("port_linker.cli").joinpath("data/events.schema.json").read_text()
    assert shipped == (DOCS / "events.schema.json").read_text()


@pytest.mark.parametrize("event", EVERY_KIND, ids=lambda event: event.name)
def test_every_event_keeps_to_the_schema(event: SessionEvent) -> None:
    CHECK.validate(json.loads(json.dumps(event.to_json())))


def test_the_samples_cover_every_kind_and_state() -> None:
    objects = [event.to_json() for event in EVERY_KIND]
    assert {value["event"] for value in objects} == set(SCHEMA["$defs"]) - {"error"}
    for kind, states in (("service", ServiceState), ("session", SessionState)):
        assert {v["state"] for v in objects if v["event"] == kind} == {str(s) for s in states}
        assert SCHEMA["$defs"][kind]["properties"]["state"]["enum"] == [str(s) for s in states]
    assert SCHEMA["$defs"]["link"]["properties"]["state"]["enum"] == [str(s) for s in LinkState]


@pytest.mark.parametrize("event", EVERY_KIND, ids=lambda event: event.name)
def test_no_key_is_undocumented(event: SessionEvent) -> None:
    value = event.to_json()
    assert value.keys() <= SCHEMA["$defs"][value["event"]]["properties"].keys()


@pytest.mark.parametrize(
    "broken", [{"event": "service"}, {"event": "new"}, {"event": "session", "state": "odd"}]
)
def test_the_schema_refuses_what_is_not_an_event(broken: dict[str, Any]) -> None:
    assert not CHECK.is_valid({"at": format_time(0), "target": "dev1", **broken})


def test_every_object_in_the_documentation_keeps_to_the_schema() -> None:
    text = (DOCS / "events.md").read_text()
    lines = [line for line in text.splitlines() if line.startswith('{"event"')]
    assert len(lines) == 5
    for line in lines:
        CHECK.validate(json.loads(line))


def test_the_base_event_has_no_name_of_its_own() -> None:
    event = SessionEvent(0.0, "dev1")
    with pytest.raises(NotImplementedError):
        event.payload()
    with pytest.raises(NotImplementedError):
        event.to_json()
