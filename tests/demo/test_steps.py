"""The sentences of the demo, its event and its error."""

from __future__ import annotations

from port_linker.demo import steps
from port_linker.demo.steps import STEPS, DemoEvent, StepFailed
from port_linker.errors import EXIT_INTERNAL


def test_steps_are_numbered_and_each_has_an_end() -> None:
    assert [step.number for step in STEPS] == list(range(1, len(STEPS) + 1))
    assert len({step.name for step in STEPS}) == len(STEPS)
    assert all(0 < step.limit_s <= 30 for step in STEPS)


def test_the_error_names_the_step_in_one_sentence() -> None:
    error = StepFailed(steps.UDP, "no datagram came back")
    assert error.message == "step 5 of the demo failed (the UDP echo): no datagram came back"
    assert (error.code, error.exit_code) == ("PL-DEMO", EXIT_INTERNAL)
    assert error.hint
    assert StepFailed(steps.SESSION, "x", "do that").hint == "do that"


def test_the_event_has_a_line_and_an_object() -> None:
    event = DemoEvent(1795253400.12, "demo", steps.WEB, True, "GET it", 3.5)
    assert event.line == "3. GET it"
    assert event.to_json() == {
        "event": "demo",
        "at": "2026-11-21T09:30:00.120Z",
        "target": "demo",
        "step": "web",
        "number": 3,
        "ok": True,
        "text": "GET it",
        "took_ms": 3.5,
    }


def test_the_sentences_say_what_was_seen() -> None:
    ports = (18080, 18081, 18082, 18083)
    private = steps.describe_target(True, "127.0.0.1", ports)
    assert "private network" in private
    assert "web page (TCP 18080), a TCP echo (18081) and a UDP echo (18082)" in private
    assert "the target is 127.77.0.1 of this machine" in steps.describe_target(
        False, "127.77.0.1", ports
    )
    assert "after 0.52 s" in steps.describe_session(0.518)
    assert "200 OK, 226 bytes, 2.9 ms" in steps.describe_page(18080, "200 OK", 226, 2.91)
    assert "UDP localhost:18082 - 1,024 bytes" in steps.describe_echo("UDP", 18082, 1024, 1.0)
    assert "TCP 18083 answers on localhost 82 ms later" in steps.describe_late(18083, 82.4)
    assert "localhost:18083 refuses connections 1031 ms later" in steps.describe_stop(18083, 1031)


def test_the_end_tells_what_to_try_next() -> None:
    assert "port-linker HOST" in steps.describe_end(18080, goes_on=False)
    assert "curl http://localhost:18080/" in steps.describe_end(18080, goes_on=True)
    assert "curl" not in steps.describe_end(18080, goes_on=False)
