"""What a person answered about services, for the session. Pure.

An answer belongs to a port of the target, the owner's uid, the program's name and the container:
never to a process, so that it outlives every restart. Where the target does not let us see the
program, or does not yet, the others decide.
"""

from __future__ import annotations

from collections import OrderedDict

from port_linker.model import Proto, Service

MAX_ANSWERS = 4096  # ports with an answer; the oldest are forgotten
MAX_PROGRAMS = 16  # of one port

Place = tuple[Proto, int, int]  # protocol, port on the target, uid
Program = tuple[str | None, str | None]  # process, container
UNSEEN: Program = (None, None)


class Answers:
    """The words of the choices that hold."""

    def __init__(self) -> None:
        self._choices: OrderedDict[Place, dict[Program, str]] = OrderedDict()

    def put(self, service: Service, choice: str) -> None:
        """Note an answer; it replaces an older one."""
        place, program = _name(service)
        choices = self._choices.setdefault(place, {})
        choices.pop(program, None)
        choices[program] = choice
        if len(choices) > MAX_PROGRAMS:
            del choices[next(iter(choices))]
        if len(self._choices) > MAX_ANSWERS:
            self._choices.popitem(last=False)

    def of(self, service: Service) -> str | None:
        """Return the answer that holds for a service, None if nobody gave one."""
        if not self._choices:
            return None  # the usual case, and the plan asks about every service
        place, program = _name(service)
        choices = self._choices.get(place, {})
        match = _match(choices, program)
        return None if match is None else choices[match]

    def take_back(self, service: Service) -> bool:
        """Forget the answer that holds for a service; return whether there was one."""
        place, program = _name(service)
        choices = self._choices.get(place, {})
        match = _match(choices, program)
        if match is None:
            return False
        del choices[match]
        if not choices:
            del self._choices[place]
        return True


def _name(service: Service) -> tuple[Place, Program]:
    id_ = service.id
    return (id_.proto, id_.port, service.uid), (service.process, service.container)


def _match(choices: dict[Program, str], program: Program) -> Program | None:
    if program in choices:
        return program
    if program == UNSEEN:
        return next(reversed(choices), None)
    return UNSEEN if UNSEEN in choices else None
