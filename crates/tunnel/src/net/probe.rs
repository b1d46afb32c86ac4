//! Encode and check probes: 32-byte packets beside QUIC that ask whether UDP gets through. Pure.
//!
//! `kind:u8 version:u8 zero:[u8; 6] counter:u64 tag:[u8; 16]`. The fixed bit of QUIC is clear, so the
//! two cannot be mistaken. The tag is an HMAC under a key that both ends derive from the one-time
//! secret; a counter is answered once. An answer is as long as its question: nothing is amplified.
//! The host asks to find the address that works, and later whether UDP is back; what the target
//! sends first, to open a stateful firewall, is a question as well.

use ring::hmac;
use subtle::ConstantTimeEq;

/// Length of a probe.
pub const PROBE_BYTES: usize = 32;
const TAGGED_BYTES: usize = 16;
const VERSION: u8 = 1;
const KIND_ASK: u8 = 0x21;
const KIND_ANSWER: u8 = 0x22;
/// Counters that may come out of order.
const REORDER: u64 = 64;

/// Makes and checks the probes of one introduction.
pub struct Prober {
    key: hmac::Key,
    counter: u64,
    highest_asked: u64,
    seen: u64,
}

/// What a received probe was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probe {
    /// A question; send these bytes back to where it came from.
    Asked([u8; PROBE_BYTES]),
    /// The answer to our question with this counter.
    Answered(u64),
}

impl Prober {
    /// Derive the key of the probes from the one-time secret.
    pub fn new(secret: &[u8; 32]) -> Self {
        let root = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let derived = hmac::sign(&root, b"port-linker probe 1");
        Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, derived.as_ref()),
            counter: 0,
            highest_asked: 0,
            seen: 0,
        }
    }

    /// Return the next question and its counter.
    pub fn ask(&mut self) -> ([u8; PROBE_BYTES], u64) {
        self.counter += 1;
        (self.encode(KIND_ASK, self.counter), self.counter)
    }

    /// Read a packet; None if it is not a probe of this introduction, or comes a second time.
    pub fn read(&mut self, packet: &[u8]) -> Option<Probe> {
        if packet.len() != PROBE_BYTES || packet.get(1) != Some(&VERSION) {
            return None;
        }
        let (tagged, tag) = packet.split_at(TAGGED_BYTES);
        let counter = u64::from_le_bytes(tagged.get(8..16)?.try_into().ok()?);
        let expected = hmac::sign(&self.key, tagged);
        if !bool::from(expected.as_ref().get(..16)?.ct_eq(tag)) {
            return None;
        }
        match *tagged.first()? {
            KIND_ASK => self
                .is_new(counter)
                .then(|| Probe::Asked(self.encode(KIND_ANSWER, counter))),
            KIND_ANSWER if counter <= self.counter => Some(Probe::Answered(counter)),
            _ => None,
        }
    }

    /// Check a counter by a sliding window over those that were asked, as IPsec does.
    fn is_new(&mut self, counter: u64) -> bool {
        if counter > self.highest_asked {
            let shift = counter - self.highest_asked;
            self.seen = if shift >= REORDER {
                0
            } else {
                self.seen << shift
            };
            self.seen |= 1;
            self.highest_asked = counter;
            return true;
        }
        let age = self.highest_asked - counter;
        if age >= REORDER || self.seen & (1 << age) != 0 {
            return false;
        }
        self.seen |= 1 << age;
        true
    }

    fn encode(&self, kind: u8, counter: u64) -> [u8; PROBE_BYTES] {
        let mut out = [0; PROBE_BYTES];
        out[0] = kind;
        out[1] = VERSION;
        out[8..16].copy_from_slice(&counter.to_le_bytes());
        let tag = hmac::sign(&self.key, &out[..TAGGED_BYTES]);
        out[TAGGED_BYTES..].copy_from_slice(&tag.as_ref()[..16]);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pair() -> (Prober, Prober) {
        (Prober::new(&[1; 32]), Prober::new(&[1; 32]))
    }

    #[test]
    fn a_question_is_answered_once() {
        let (mut host, mut target) = pair();
        let (question, counter) = host.ask();
        let Some(Probe::Asked(answer)) = target.read(&question) else {
            panic!("not answered");
        };
        assert_eq!(target.read(&question), None);
        assert_eq!(host.read(&answer), Some(Probe::Answered(counter)));
    }

    #[test]
    fn another_secret_gets_no_answer() {
        let mut stranger = Prober::new(&[2; 32]);
        let (mut host, _) = pair();
        assert_eq!(stranger.read(&host.ask().0), None);
    }

    #[test]
    fn questions_may_overtake_each_other() {
        let (mut host, mut target) = pair();
        let first = host.ask().0;
        let second = host.ask().0;
        assert!(target.read(&second).is_some());
        assert!(target.read(&first).is_some());
        assert!(target.read(&first).is_none());
    }

    #[test]
    fn an_answer_to_a_question_never_asked_is_nothing() {
        let (mut host, mut target) = pair();
        let (question, _) = target.ask();
        let Some(Probe::Asked(answer)) = host.read(&question) else {
            panic!("not answered");
        };
        assert_eq!(host.read(&answer), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_no_probe(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            prop_assert_eq!(pair().0.read(&bytes), None);
        }
    }
}
