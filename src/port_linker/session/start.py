"""The way into a session: its lock, its log, its runner. I/O."""

from __future__ import annotations

import gc
import secrets

from port_linker.errors import PortLinkerError
from port_linker.folders import state_folder
from port_linker.session.frontend import FrontEnd
from port_linker.session.local import log_to_file
from port_linker.session.lock import target_folder
from port_linker.session.runner import SessionRunner
from port_linker.session.settings import SessionSettings
from port_linker.session.state_file import StateFile
from port_linker.ssh.target import parse_target


async def run_session(settings: SessionSettings, frontend: FrontEnd) -> int:
    """Run one session to its end; return the exit status. Raises PortLinkerError."""
    folder = state_folder()
    target = parse_target(settings.target, settings.ssh_flags)
    try:
        state = StateFile(target_folder(), target.key, target.display)
    except OSError as error:
        raise PortLinkerError(
            f"{folder} cannot be written: {error.strerror}",
            hint="set XDG_STATE_HOME to a folder of yours",
            code="PL-STATE-DIR",
        ) from error
    session = secrets.token_hex(8)
    gc.freeze()  # what the program is made of never ends: the search for cycles may pass it by
    try:
        with log_to_file(folder, session, settings):
            return await SessionRunner(settings, frontend, state, session).run()
    finally:
        state.close()
