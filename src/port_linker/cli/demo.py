"""`port-linker demo`: the front end that fits the streams, for the demo. Imports asyncio."""

from __future__ import annotations

import dataclasses
import os

from port_linker.cli.args import FRONT_JSON, FRONT_LIVE, Settings, choose_front
from port_linker.cli.connect import look_around, open_front
from port_linker.cli.signals import run_main
from port_linker.demo.main import DemoOptions
from port_linker.demo.main import run_demo as play_demo
from port_linker.demo.steps import TARGET_NAME

BUILDER_VARIABLE = "PORT_LINKER_DEMO_BUILDER"  # `make demo` says who builds the sidecar meanwhile


def run_demo(settings: Settings) -> int:
    """Run the demo; return the exit code. Raises PortLinkerError."""
    settings = dataclasses.replace(settings, word=TARGET_NAME)
    around = look_around(settings)
    front = choose_front(settings, around)
    options = DemoOptions(
        once=settings.once,
        as_json=front == FRONT_JSON,
        log_file=settings.log_file,
        verbosity=settings.verbose,
        log_to_stderr=settings.verbose > 0 and front != FRONT_LIVE,
        tunnel_builder=_read_pid(os.environ.get(BUILDER_VARIABLE, "")),
    )
    return run_main(lambda: play_demo(options, lambda: open_front(settings, around)))


def _read_pid(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 10 else 0
