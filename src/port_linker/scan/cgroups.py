"""What the path of a control group says about its processes. Pure; runs on Python 3.9.

systemd gives each unit a group of the unit's name. Source: systemd CGROUP_DELEGATION.md,
systemd.unit(5), cgroups(7) (the lines of /proc/PID/cgroup, for versions 1, 2 and both).
"""

from __future__ import annotations

import re
from typing import Optional

from port_linker.model import MAX_NAME_CHARS, clean_text

_CONTAINER_ID = re.compile(rb"(?<![0-9a-f])([0-9a-f]{64})(?![0-9a-f])")
_USER_SLICE = re.compile(rb"/user-([0-9]{1,10})\.slice")
# What tells nothing of a program: pid 1, a login, a user's manager, a container's number, and what
# systemd-run, tmux and terminals make up for each command.
_SAYS_NOTHING = re.compile(
    rb"init\.scope|session-[^/]*\.scope|user@\d+\.service|.*[0-9a-f]{64}.*|run-[^/]*\d[^/]*"
    rb"|(?:vte|tmux)-spawn-[^/]*",
    re.DOTALL,
)
_UNIT = (b".service", b".scope")


def find_container_id(cgroup: bytes, uid: int) -> Optional[str]:
    """Return the 64 hex digits by which Docker or Podman name a process's container.

    cgroup: the text of /proc/PID/cgroup. uid: ours.
    """
    if any(int(other) != uid for other in _USER_SLICE.findall(cgroup)):
        return None  # other users name the cgroups below their own slice as they like
    found = _CONTAINER_ID.findall(cgroup)
    return str(found[-1], "ascii") if found else None


def find_unit(cgroup: bytes) -> Optional[str]:
    """Return the unit of a process, "nginx.service"; None if there is none that says something.

    cgroup: the text of /proc/PID/cgroup. Version 2 counts first: where both are mounted it may be
    empty, and systemd keeps its own hierarchy of version 1.
    """
    paths = {}
    for line in cgroup.split(b"\n"):
        number, _, rest = line.partition(b":")
        controllers, _, path = rest.partition(b":")
        paths[b"2" if number == b"0" else controllers] = path.partition(b" (deleted)")[0]
    modern = paths.get(b"2", b"")
    return name_unit_of(modern if modern.strip(b"/") else paths.get(b"name=systemd", b""))


def name_unit_of(path: bytes) -> Optional[str]:
    """Return the innermost unit on a path of groups; None if it says nothing of a program.

    Its escapes stay ("\\x2d"): this is how systemctl(1) wants the name. Users choose names below
    their own slice, so it is cleaned like any other text.
    """
    units = [name for name in path.split(b"/") if name.endswith(_UNIT)]
    if not units or _SAYS_NOTHING.fullmatch(units[-1]):
        return None
    return clean_text(units[-1][:MAX_NAME_CHARS].decode("utf-8", "replace"))
