//! Encode, split and reassemble UDP datagrams inside QUIC datagrams. Pure.
//!
//! Header, 8 bytes: `kind:u8 part:u8 number:u16 association:u32`, little-endian. `part` holds the
//! fragment's index in the low and their count in the high four bits. `number` identifies the datagrams
//! of an association while fragments are collected. What needs more than four fragments is sent on
//! its own stream. A datagram arrives whole or not at all.

use std::time::{Duration, Instant};

use bytes::{BufMut, Bytes, BytesMut};

/// Size of the header on every QUIC datagram.
pub const HEADER_BYTES: usize = 8;
/// The most fragments a datagram is cut into.
pub const MAX_PARTS: usize = 4;
/// The largest payload of UDP over IPv4; what is larger never came from a socket.
pub const MAX_PAYLOAD_BYTES: usize = 65_507;
/// Datagrams of one association that may be incomplete at a time; the oldest leaves first.
const MAX_INCOMPLETE: usize = 8;
/// Fragments that come later than this are dropped.
const INCOMPLETE_LIFE: Duration = Duration::from_secs(1);

const KIND_DATA: u8 = 1;
const KIND_HEARTBEAT: u8 = 2;

/// One QUIC datagram, parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Packet {
    /// A sign of life, and nothing else.
    Heartbeat,
    /// A part of a datagram of an association.
    Part {
        association: u32,
        number: u16,
        index: u8,
        count: u8,
        payload: Bytes,
    },
}

/// Return the bytes of a heartbeat.
pub fn encode_heartbeat() -> Bytes {
    Bytes::from_static(&[KIND_HEARTBEAT, 0, 0, 0, 0, 0, 0, 0])
}

/// Parse a QUIC datagram; None for bytes that are not a packet of this protocol.
pub fn parse_packet(bytes: Bytes) -> Option<Packet> {
    let header: [u8; HEADER_BYTES] = bytes.get(..HEADER_BYTES)?.try_into().ok()?;
    let [kind, part, n0, n1, a0, a1, a2, a3] = header;
    match kind {
        KIND_HEARTBEAT => Some(Packet::Heartbeat),
        KIND_DATA => {
            let (index, count) = (part & 0x0f, part >> 4);
            let is_sane = (1..=MAX_PARTS).contains(&usize::from(count)) && index < count;
            is_sane.then(|| Packet::Part {
                association: u32::from_le_bytes([a0, a1, a2, a3]),
                number: u16::from_le_bytes([n0, n1]),
                index,
                count,
                payload: bytes.slice(HEADER_BYTES..),
            })
        }
        _ => None,
    }
}

/// Cut a datagram into QUIC datagrams of at most `room` bytes; None if it needs its own stream.
pub fn split(payload: &[u8], association: u32, number: u16, room: usize) -> Option<Vec<Bytes>> {
    let room = room.checked_sub(HEADER_BYTES).filter(|room| *room > 0)?;
    let count = payload.len().div_ceil(room).max(1);
    if count > MAX_PARTS {
        return None;
    }
    // Even parts: a datagram just over the limit does not become a large and a tiny packet.
    let size = payload.len().div_ceil(count).max(1);
    Some(
        (0..count)
            .map(|index| {
                let from = (index * size).min(payload.len());
                let part = &payload[from..(from + size).min(payload.len())];
                encode_part(part, association, number, index as u8, count as u8)
            })
            .collect(),
    )
}

fn encode_part(part: &[u8], association: u32, number: u16, index: u8, count: u8) -> Bytes {
    let mut out = BytesMut::with_capacity(HEADER_BYTES + part.len());
    out.put_u8(KIND_DATA);
    out.put_u8(index | (count << 4));
    out.put_u16_le(number);
    out.put_u32_le(association);
    out.put_slice(part);
    out.freeze()
}

struct Incomplete {
    number: u16,
    since: Instant,
    parts: [Option<Bytes>; MAX_PARTS],
    count: u8,
}

/// Collects the fragments of one association's datagrams.
#[derive(Default)]
pub struct Reassembly {
    incomplete: Vec<Incomplete>,
}

impl Reassembly {
    /// Take a part; return the datagram when it is complete.
    pub fn take(
        &mut self,
        number: u16,
        index: u8,
        count: u8,
        payload: Bytes,
        now: Instant,
    ) -> Option<Bytes> {
        if count == 1 {
            return Some(payload);
        }
        self.incomplete
            .retain(|one| now.duration_since(one.since) < INCOMPLETE_LIFE);
        let at = self.find_or_start(number, count, now);
        let one = &mut self.incomplete[at];
        // Copied: a packet's payload keeps its 64 KiB receive buffer alive, and a peer may leave 8
        // datagrams of each association incomplete.
        *one.parts.get_mut(usize::from(index))? = Some(Bytes::copy_from_slice(&payload));
        let have = one.parts.iter().flatten().count();
        if have < usize::from(count) {
            return None;
        }
        let whole = self.incomplete.swap_remove(at);
        let mut out = BytesMut::with_capacity(whole.parts.iter().flatten().map(Bytes::len).sum());
        for part in whole.parts.iter().flatten() {
            out.put_slice(part);
        }
        (out.len() <= MAX_PAYLOAD_BYTES).then(|| out.freeze())
    }

    fn find_or_start(&mut self, number: u16, count: u8, now: Instant) -> usize {
        if let Some(at) = self
            .incomplete
            .iter()
            .position(|one| one.number == number && one.count == count)
        {
            return at;
        }
        if self.incomplete.len() >= MAX_INCOMPLETE {
            let oldest = (0..self.incomplete.len()).min_by_key(|at| self.incomplete[*at].since);
            self.incomplete.swap_remove(oldest.unwrap_or(0));
        }
        self.incomplete.push(Incomplete {
            number,
            since: now,
            parts: Default::default(),
            count,
        });
        self.incomplete.len() - 1
    }
}

#[cfg(test)]
#[path = "datagram_tests.rs"]
mod tests;
