"""Whether any link carries flows: an outage is when none does. Pure."""

from __future__ import annotations


class OutageWatch:
    """Knows which links work."""

    def __init__(self) -> None:
        self.is_stdio_up = False
        self.is_quic_up = False
        self._was_up = False

    def look(self, is_stdio_up: bool, is_quic_up: bool) -> str | None:
        """Return "begun" or "over" if an outage begins or ends with this, else None.

        Before the first link is up there is no outage, only a session that is not there yet.
        """
        is_up = is_stdio_up or is_quic_up
        was_up = self.is_stdio_up or self.is_quic_up
        self.is_stdio_up, self.is_quic_up = is_stdio_up, is_quic_up
        first, self._was_up = not self._was_up, self._was_up or is_up
        if is_up == was_up or first:
            return None
        return "over" if is_up else "begun"
