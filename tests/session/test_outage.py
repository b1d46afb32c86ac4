"""An outage is when no link carries flows."""

from __future__ import annotations

from port_linker.session.outage import OutageWatch


def test_an_outage_begins_with_the_last_link_and_ends_with_the_first() -> None:
    watch = OutageWatch()
    story = [
        ((False, False), None),
        ((True, False), None),  # the session begins; there was nothing to be out of
        ((True, True), None),
        ((False, True), None),  # ssh is gone, QUIC carries on
        ((False, False), "begun"),
        ((False, False), None),
        ((False, True), "over"),
        ((True, True), None),
        ((True, False), None),
        ((False, False), "begun"),
        ((True, False), "over"),
    ]
    for (is_stdio_up, is_quic_up), expected in story:
        assert watch.look(is_stdio_up, is_quic_up) == expected
