//! Decide which packets may reach QUIC. Pure.
//!
//! The target's port is silent: a long-header packet passes only with a connection id that was
//! announced over SSH, or one of our own; a short-header packet only with one of our own. All
//! else is dropped before any cryptography, so that a scan finds nothing and garbage costs little.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};

use quinn::ConnectionId;

use crate::lock::lock;

/// Length of the connection ids that we issue.
pub const OWN_ID_BYTES: usize = 8;
/// Length of the announced id of a first packet.
pub const ANNOUNCED_ID_BYTES: usize = 16;
/// Ids of ours that are still accepted. quinn has at most eight in use per connection.
const MAX_OWN: usize = 256;
/// Introductions that may be open at a time.
const MAX_ANNOUNCED: usize = 4;

type OwnId = [u8; OWN_ID_BYTES];
type AnnouncedId = [u8; ANNOUNCED_ID_BYTES];

#[derive(Default)]
struct Known {
    own: VecDeque<OwnId>,
    announced: VecDeque<AnnouncedId>,
}

/// The ids that open the gate, shared by the socket, the id generator and the accepting side.
#[derive(Clone, Default)]
pub struct Gate {
    known: Arc<Mutex<Known>>,
}

impl Gate {
    fn known(&self) -> MutexGuard<'_, Known> {
        lock(&self.known)
    }

    /// Let first packets with this id pass. The oldest of too many is forgotten.
    pub fn announce(&self, id: AnnouncedId) {
        let mut known = self.known();
        if known.announced.len() == MAX_ANNOUNCED {
            known.announced.pop_front();
        }
        known.announced.push_back(id);
    }

    /// Use an announced id up; false if it was not announced, or used before.
    pub fn consume(&self, id: &[u8]) -> bool {
        let mut known = self.known();
        let before = known.announced.len();
        known.announced.retain(|one| one != id);
        known.announced.len() < before
    }

    /// Let packets with an id that we issued pass.
    pub fn issue(&self, id: OwnId) {
        let mut known = self.known();
        if known.own.len() == MAX_OWN {
            known.own.pop_front();
        }
        known.own.push_back(id);
    }

    /// Return whether this UDP payload may reach QUIC.
    pub fn is_open_for(&self, packet: &[u8]) -> bool {
        let Some(id) = destination_id(packet) else {
            return false;
        };
        let known = self.known();
        // The newest ids are the ones in use.
        known.own.iter().rev().any(|own| own == id)
            || (is_long(packet) && known.announced.iter().any(|one| one == id))
    }
}

fn is_long(packet: &[u8]) -> bool {
    packet.first().is_some_and(|first| first & 0x80 != 0)
}

/// Return the destination connection id of a QUIC packet (RFC 9000, 17.2 and 17.3).
fn destination_id(packet: &[u8]) -> Option<&[u8]> {
    let first = *packet.first()?;
    if first & 0x40 == 0 {
        return None; // the fixed bit; our own probes leave it clear
    }
    if first & 0x80 == 0 {
        return packet.get(1..1 + OWN_ID_BYTES);
    }
    // Version 1 only: anything else would be answered with a version negotiation.
    if packet.get(1..5)? != [0, 0, 0, 1] {
        return None;
    }
    let length = usize::from(*packet.get(5)?);
    packet.get(6..6 + length)
}

/// Makes our connection ids, which the gate then accepts.
pub struct GateIds {
    gate: Gate,
    rng: ring::rand::SystemRandom,
}

impl GateIds {
    /// Make a generator whose ids open this gate.
    pub fn new(gate: Gate) -> Self {
        Self {
            gate,
            rng: ring::rand::SystemRandom::new(),
        }
    }
}

impl quinn::ConnectionIdGenerator for GateIds {
    fn generate_cid(&mut self) -> ConnectionId {
        let mut id = [0; OWN_ID_BYTES];
        // Without randomness there is no TLS either; the zero id then opens nothing new.
        let _ = ring::rand::SecureRandom::fill(&self.rng, &mut id);
        self.gate.issue(id);
        ConnectionId::new(&id)
    }

    fn cid_len(&self) -> usize {
        OWN_ID_BYTES
    }

    fn cid_lifetime(&self) -> Option<std::time::Duration> {
        None
    }
}

#[cfg(test)]
#[path = "gate_tests.rs"]
mod tests;
