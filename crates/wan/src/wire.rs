//! The whole emulated wire: two directions, the packets under way, the address change. Pure.

use crate::command::{Command, Side, apply};
use crate::nat::Nat;
use crate::path::{Counters, Path, PathConfig};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::Ipv4Addr;

/// A packet under way; the order number keeps packets of one instant in line.
type Flying = Reverse<(u64, u64, Vec<u8>)>;

pub struct Wire {
    own: Ipv4Addr,
    paths: [Path; 2],
    flying: [BinaryHeap<Flying>; 2],
    nat: Nat,
    order: u64,
    spare: Vec<Vec<u8>>,
}

/// Index of the direction from A to B; the other one is 1.
pub const A_TO_B: usize = 0;

/// Buffers kept for reuse.
const SPARE_MAX: usize = 4096;

impl Wire {
    /// `own`: the address of side A.
    pub fn new(own: Ipv4Addr, seed: u64) -> Self {
        Self {
            own,
            paths: [Path::new(seed), Path::new(seed ^ 0x5bd1_e995)],
            flying: [BinaryHeap::new(), BinaryHeap::new()],
            nat: Nat::default(),
            order: 0,
            spare: Vec::new(),
        }
    }

    /// Carries out a command and returns the answer, one line of JSON.
    pub fn command(&mut self, command: &Command, now: u64) -> String {
        match command {
            Command::Set(side, setting) => {
                for i in directions(*side) {
                    apply(setting, &mut self.paths[i].config, now);
                }
            }
            Command::Clear => {
                for path in &mut self.paths {
                    path.config = PathConfig::default();
                }
            }
            Command::Address(seen) => self.nat.address = seen.map(|seen| (self.own, seen)),
            Command::Ports(shift) => self.nat.shift = *shift,
            Command::Stats => return self.stats(now),
        }
        r#"{"ok":true}"#.to_owned()
    }

    /// A packet enters a direction at `now`.
    pub fn enter(&mut self, direction: usize, packet: &[u8], now: u64) {
        let Some(due) = self.paths[direction].admit(now, packet.len()) else {
            return;
        };
        let mut copy = self.spare.pop().unwrap_or_default();
        copy.clear();
        copy.extend_from_slice(packet);
        if self.nat.is_idle() || self.translate(direction, &mut copy) {
            self.order += 1;
            self.flying[direction].push(Reverse((due, self.order, copy)));
        }
    }

    /// Hands every packet of a direction that is due at `now` to `deliver`.
    pub fn leave(&mut self, direction: usize, now: u64, mut deliver: impl FnMut(&[u8])) {
        while let Some(Reverse((due, ..))) = self.flying[direction].peek()
            && *due <= now
            && let Some(Reverse((_, _, packet))) = self.flying[direction].pop()
        {
            deliver(&packet);
            if self.spare.len() < SPARE_MAX {
                self.spare.push(packet);
            }
        }
    }

    /// When the next packet is due.
    pub fn next_due(&self) -> Option<u64> {
        let heads = self.flying.iter().filter_map(BinaryHeap::peek);
        heads.map(|Reverse((due, ..))| *due).min()
    }

    fn translate(&self, direction: usize, packet: &mut [u8]) -> bool {
        if direction == A_TO_B {
            self.nat.outward(packet)
        } else {
            self.nat.inward(packet)
        }
    }

    fn stats(&self, now: u64) -> String {
        let [ab, ba] = [0, 1].map(|i| {
            let queued = self.paths[i].queued_bytes(now);
            describe(&self.paths[i].counters, self.flying[i].len(), queued)
        });
        format!(r#"{{"ok":true,"ab":{ab},"ba":{ba}}}"#)
    }
}

fn directions(side: Side) -> std::ops::Range<usize> {
    match side {
        Side::AtoB => 0..1,
        Side::BtoA => 1..2,
        Side::Both => 0..2,
    }
}

fn describe(c: &Counters, flying: usize, queued: u64) -> String {
    format!(
        concat!(
            r#"{{"packets_in":{},"bytes_in":{},"packets_out":{},"bytes_out":{},"lost":{},"#,
            r#""queue_drops":{},"mtu_drops":{},"dark_drops":{},"wait_max_us":{},"#,
            r#""flying":{},"queued_bytes":{}}}"#
        ),
        c.packets_in,
        c.bytes_in,
        c.packets_out,
        c.bytes_out,
        c.lost,
        c.queue_drops,
        c.mtu_drops,
        c.dark_drops,
        c.wait_max / 1000,
        flying,
        queued
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::parse_command;

    fn wire(lines: &[&str]) -> Wire {
        let mut wire = Wire::new(Ipv4Addr::new(10, 77, 0, 1), 1);
        for line in lines {
            let command = parse_command(line).unwrap_or_else(|e| panic!("{e}"));
            assert_eq!(wire.command(&command, 0), r#"{"ok":true}"#);
        }
        wire
    }

    fn delivered(wire: &mut Wire, direction: usize, now: u64) -> Vec<Vec<u8>> {
        let mut out = Vec::new();
        wire.leave(direction, now, |packet| out.push(packet.to_vec()));
        out
    }

    #[test]
    fn packets_leave_in_order_when_due() {
        let mut wire = wire(&["ab delay 10ms", "ba delay 20ms"]);
        wire.enter(0, b"one", 0);
        wire.enter(0, b"two", 0);
        wire.enter(1, b"back", 0);
        assert_eq!(wire.next_due(), Some(10_000_000));
        assert!(delivered(&mut wire, 0, 9_999_999).is_empty());
        assert_eq!(delivered(&mut wire, 0, 10_000_000), [b"one", b"two"]);
        assert_eq!(wire.next_due(), Some(20_000_000));
        assert_eq!(delivered(&mut wire, 1, 20_000_000), [b"back"]);
        assert_eq!(wire.next_due(), None);
    }

    #[test]
    fn clear_ends_what_was_set_and_stats_are_told() {
        let mut wire = wire(&["both dark on"]);
        wire.enter(0, b"lost", 1);
        let stats = wire.command(&Command::Stats, 1);
        assert!(stats.contains(r#""dark_drops":1"#), "{stats}");
        wire.command(&Command::Clear, 1);
        wire.enter(0, b"seen", 2);
        assert_eq!(delivered(&mut wire, 0, 2), [b"seen"]);
    }

    #[test]
    fn a_change_of_address_is_undone_by_off() {
        let mut wire = wire(&["address 10.77.0.9"]);
        let mut packet = [0u8; 20];
        packet[0] = 0x45;
        packet[12..16].copy_from_slice(&[10, 77, 0, 1]);
        wire.enter(0, &packet, 0);
        assert_eq!(delivered(&mut wire, 0, 0)[0][12..16], [10, 77, 0, 9]);
        wire.command(&Command::Address(None), 0);
        wire.enter(0, &packet, 0);
        assert_eq!(delivered(&mut wire, 0, 0)[0][12..16], [10, 77, 0, 1]);
    }
}
