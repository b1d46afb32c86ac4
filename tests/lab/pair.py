"""Two namespaces joined by a veth pair, and the faults of that wire: cut, slow, no UDP, moved."""

from __future__ import annotations

from tests.lab.netns import Namespace, next_number

HOST4, TARGET4 = "10.77.0.1", "10.77.0.2"
HOST6, TARGET6 = "fd77::1", "fd77::2"
MOVED4 = "10.77.0.9"  # the host's address after move_host
DEVICE = "link0"
STRANGER_TTL = 77


class Pair:
    """Host and target, with one wire between them.

    wire=False leaves the device out, for a WAN emulator that brings its own (wan.py).
    host_pid, target_pid: that end is the network of this process, a container's.
    """

    def __init__(
        self,
        wire: bool = True,
        ipv4: bool = True,
        ipv6: bool = True,
        target_pid: int | None = None,
        host_pid: int | None = None,
    ) -> None:
        number = next_number()
        self.ipv4, self.ipv6 = ipv4, ipv6
        self.host = Namespace("host", number, host_pid)
        try:
            self.target = Namespace("target", number, target_pid)
        except BaseException:
            self.host.close()
            raise
        if wire:
            peer = ["peer", "name", DEVICE, "netns", self.target.name]
            self.host.ip("link", "add", DEVICE, "type", "veth", *peer)
            self.configure()

    def configure(self) -> None:
        """Give both ends of the wire their addresses."""
        self._configure_end(self.host, HOST4, HOST6)
        self._configure_end(self.target, TARGET4, TARGET6)

    def _configure_end(self, end: Namespace, address4: str, address6: str) -> None:
        if self.ipv4:
            end.ip("addr", "add", f"{address4}/24", "dev", DEVICE)
        if self.ipv6:
            end.ip("addr", "add", f"{address6}/64", "dev", DEVICE, "nodad")
        end.ip("link", "set", DEVICE, "up")

    def cut(self) -> None:
        """Let every packet vanish without a word, as a network that is gone does."""
        self._drop("lab", f"oifname {DEVICE} drop", f"iifname {DEVICE} drop")

    def restore(self) -> None:
        """End cut()."""
        self.host.run("nft", "delete", "table", "inet", "lab")

    def block_udp(self, way: str = "both") -> None:
        """Let UDP packets vanish; TCP passes. way: "out" of the host, "in" to it, or "both".

        A stranger's packets, of STRANGER_TTL, pass.
        """
        udp = f"meta l4proto udp ip ttl != {STRANGER_TTL} drop"
        out_rule = f"oifname {DEVICE} {udp}" if way != "in" else "accept"
        in_rule = f"iifname {DEVICE} {udp}" if way != "out" else "accept"
        self._drop("labudp", out_rule, in_rule)

    def unblock_udp(self) -> None:
        """End block_udp()."""
        self.host.run("nft", "delete", "table", "inet", "labudp")

    def block_tcp(self) -> None:
        """Let TCP packets vanish, ssh's among them; UDP passes."""
        tcp = "meta l4proto tcp drop"
        self._drop("labtcp", f"oifname {DEVICE} {tcp}", f"iifname {DEVICE} {tcp}")

    def unblock_tcp(self) -> None:
        """End block_tcp()."""
        self.host.run("nft", "delete", "table", "inet", "labtcp")

    def _drop(self, table: str, out_rule: str, in_rule: str) -> None:
        rules = (
            f"table inet {table} {{\n"
            f" chain out {{ type filter hook output priority 0; {out_rule}; }}\n"
            f" chain in {{ type filter hook input priority 0; {in_rule}; }}\n}}\n"
        )
        self.host.run("nft", "-f", "-", data=rules)

    def unplug(self) -> None:
        """Take the host's device down: routes vanish, the kernel knows."""
        self.host.ip("link", "set", DEVICE, "down")

    def plug(self) -> None:
        """End unplug(); IPv6 addresses were lost with the device and come back."""
        self.host.ip("link", "set", DEVICE, "up")
        if self.ipv6:
            self.host.ip("addr", "replace", f"{HOST6}/64", "dev", DEVICE, "nodad")

    def limit_rate(self, mbit_s: float, queue_ms: float = 50) -> None:
        """Limit both directions; tc's token bucket with a queue of queue_ms."""
        for end in (self.host, self.target):
            rate = ["rate", f"{mbit_s}mbit", "burst", "64kb", "latency", f"{queue_ms}ms"]
            end.run("tc", "qdisc", "replace", "dev", DEVICE, "root", "tbf", *rate)

    def move_host(self, old: str = HOST4, new: str = MOVED4) -> None:
        """Give the host another address in place of its first one, as roaming does."""
        self.host.ip("addr", "del", f"{old}/24", "dev", DEVICE)
        self.host.ip("addr", "add", f"{new}/24", "dev", DEVICE)

    def forget_udp(self, port: int) -> None:
        """Let what leaves one UDP port of the host vanish: a NAT that forgot it, beyond repair."""
        rule = f"oifname {DEVICE} udp sport {port} drop"
        self._drop(f"labudp{port}", rule, f"iifname {DEVICE} udp dport {port} drop")

    def remap_udp(self, port: int, seen_as: int) -> None:
        """Let a UDP port of the host be seen as another one, no more as any before.

        So does a NAT that forgot it and makes a new mapping with the next packet that leaves.
        """
        self.host.run("nft", "add", "table", "inet", "labnat")
        rules = (
            "delete table inet labnat\ntable inet labnat {\n"
            " chain out { type filter hook output priority 10;"
            f" oifname {DEVICE} udp sport {port} udp sport set {seen_as}; }}\n"
            " chain in { type filter hook prerouting priority -310;"
            f" iifname {DEVICE} udp dport {port} drop;"
            f" iifname {DEVICE} udp dport {seen_as} udp dport set {port}; }}\n}}\n"
        )
        self.host.run("nft", "-f", "-", data=rules)

    def close(self) -> None:
        """Remove both namespaces and all that runs in them."""
        try:
            self.host.close()
        finally:
            self.target.close()
