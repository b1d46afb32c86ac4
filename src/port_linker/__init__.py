"""port-linker: every network service of a target on this machine's localhost.

The map of the house (docs/architecture.md tells more; imports point down only):

    cli                      the command line; the only place that prints errors and exits
    ui, session.runner       what a person sees; the one place that carries out commands
    ssh deploy binding       rooms that do I/O on the host
    agent scan               rooms that run on the target (standard library only, Python >= 3.9)
    link on mux, observe     what carries flows; logs and counters
    protocol, tasks, clock   messages on the wire; the seams to asyncio and to time
    model errors             words that everybody shares
"""

__version__ = "0.1.0"
