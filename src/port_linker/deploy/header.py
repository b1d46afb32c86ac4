"""The one line that tells the attacher what to do; the only place where secrets travel. Pure."""

from __future__ import annotations

import json
from typing import Any

from port_linker.deploy.settings import ConnectSettings

HEADER_VERSION = 1


def encode_header(
    settings: ConnectSettings, dirs: list[str], digest: str, size: int, sync: bytes
) -> bytes:
    """Return the header line (docs/architecture.md).

    dirs: our subdirectories on the target, the best first. digest, size: of the bundle.
    """
    header: dict[str, Any] = {
        "v": HEADER_VERSION,
        "version": settings.version,
        "agent": settings.agent_id,
        "token": settings.token,
        "sync": sync.hex(),
        "host": settings.host_id,
        "resume": settings.resume,
        "dirs": dirs,
        "digest": digest,
        "size": size,
        "lease": list(settings.lease_s),
    }
    return json.dumps(header).encode() + b"\n"
