"""What appeared, changed and vanished between two scans."""

from __future__ import annotations

import dataclasses

from hypothesis import given
from hypothesis import strategies as st

from port_linker.model import Proto, Service, ServiceId
from port_linker.scan.diff import diff_services, index_services

WEB = Service(ServiceId(Proto.TCP, "127.0.0.1", 80), uid=0)
DNS = Service(ServiceId(Proto.UDP, "127.0.0.1", 53), uid=0)


def test_a_diff_names_what_appeared_changed_and_vanished() -> None:
    named = dataclasses.replace(WEB, process="nginx")
    diff = diff_services(index_services([WEB]), index_services([named, DNS]))
    assert diff == ([DNS], [named], [])
    diff = diff_services(index_services([WEB, DNS]), index_services([WEB]))
    assert diff == ([], [], [DNS.id])


def test_the_same_services_are_no_change_even_as_other_objects() -> None:
    assert diff_services(index_services([WEB]), index_services([WEB])).is_empty
    copy = dataclasses.replace(WEB)
    assert diff_services(index_services([WEB]), index_services([copy])).is_empty
    assert not diff_services({}, index_services([WEB])).is_empty


SERVICES = st.lists(
    st.builds(
        Service,
        st.builds(ServiceId, st.sampled_from(Proto), st.just("::1"), st.integers(1, 4)),
        uid=st.integers(0, 2),
    )
).map(index_services)


@given(SERVICES, SERVICES)
def test_old_and_diff_give_new(
    old: dict[ServiceId, Service], new: dict[ServiceId, Service]
) -> None:
    diff = diff_services(old, new)
    rebuilt = {**old, **index_services(diff.changed), **index_services(diff.appeared)}
    for service_id in diff.vanished:
        del rebuilt[service_id]
    assert rebuilt == new
    assert not {service.id for service in diff.appeared} & old.keys()
