//! What waits for the control stream: words about associations in their order, and for each flow
//! the newest word about its credit. Pure.
//!
//! In a blackout nothing leaves, perhaps for hours. Credit takes one place a flow, so none of it is
//! ever lost: a flow whose peer does not know of a give-back would wait for ever. Associations are
//! not opened while many words wait, so that those which are open have room for their end.

use std::collections::{BTreeMap, VecDeque};

use super::wire::Message;

/// Words about associations that may wait. Only a host that opens and does not listen gets there.
const MAX_QUEUED: usize = 8192;
/// With more than this waiting no association is opened.
const MAX_QUEUED_TO_OPEN: usize = MAX_QUEUED / 2;

/// The queue of one connection's control stream.
#[derive(Debug, Default)]
pub struct Outbox {
    queue: VecDeque<Message>,
    grants: BTreeMap<u64, u64>,
    give_backs: BTreeMap<u64, u64>,
    gone: BTreeMap<u64, Option<u64>>,
}

impl Outbox {
    /// Add a word about an association; lost if far too many wait.
    pub fn say(&mut self, message: Message) {
        if self.queue.len() < MAX_QUEUED {
            self.queue.push_back(message);
        }
    }

    /// Whether an association may be opened now.
    pub fn has_room_to_open(&self) -> bool {
        self.queue.len() < MAX_QUEUED_TO_OPEN
    }

    /// The peer may send on this flow up to `limit`. Replaces what waits.
    pub fn grant(&mut self, flow: u64, limit: u64) {
        self.grants.insert(flow, limit);
    }

    /// We stay below `limit` on this flow. Replaces what waits.
    pub fn give_back(&mut self, flow: u64, limit: u64) {
        self.give_backs.insert(flow, limit);
    }

    /// The application of this flow is gone, see `Message::Gone`. An end that is known stays.
    pub fn gone(&mut self, flow: u64, end: Option<u64>) {
        let known = self.gone.entry(flow).or_default();
        *known = end.or(*known);
    }

    /// The flow has ended: nobody needs to hear of it.
    pub fn forget(&mut self, flow: u64) {
        self.grants.remove(&flow);
        self.give_backs.remove(&flow);
        self.gone.remove(&flow);
    }

    /// Take all that waits, grants last.
    pub fn take(&mut self) -> Vec<Message> {
        let mut messages: Vec<_> = self.queue.drain(..).collect();
        let gone = std::mem::take(&mut self.gone).into_iter();
        messages.extend(gone.map(|(flow, end)| Message::Gone { flow, end }));
        let give_backs = std::mem::take(&mut self.give_backs).into_iter();
        messages.extend(give_backs.map(|(flow, limit)| Message::GiveBack { flow, limit }));
        let grants = std::mem::take(&mut self.grants).into_iter();
        messages.extend(grants.map(|(flow, limit)| Message::Grant { flow, limit }));
        messages
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_credit_of_a_flow_is_told_once() {
        let mut outbox = Outbox::default();
        outbox.grant(4, 100);
        outbox.grant(4, 200);
        outbox.give_back(4, 50);
        outbox.grant(8, 1);
        outbox.forget(8);
        let (give_back, grant) = (
            Message::GiveBack { flow: 4, limit: 50 },
            Message::Grant {
                flow: 4,
                limit: 200,
            },
        );
        assert_eq!(outbox.take(), [give_back, grant]);
        assert_eq!(outbox.take(), []);
    }

    #[test]
    fn an_end_that_is_known_is_told() {
        let mut outbox = Outbox::default();
        outbox.gone(4, None);
        outbox.gone(4, Some(9));
        outbox.gone(4, None);
        let end = Some(9);
        assert_eq!(outbox.take(), [Message::Gone { flow: 4, end }]);
        assert_eq!(outbox.take(), []);
    }

    #[test]
    fn a_long_blackout_loses_neither_credit_nor_the_end_of_an_association() {
        let mut outbox = Outbox::default();
        let mut opened = 0;
        while outbox.has_room_to_open() {
            let service = "udp/127.0.0.1:53".to_owned();
            outbox.say(Message::OpenAssociation {
                id: opened,
                service,
            });
            opened += 1;
        }
        assert!(opened as usize >= crate::flow::udp::MAX_ASSOCIATIONS);
        for id in 0..crate::flow::udp::MAX_ASSOCIATIONS as u32 {
            outbox.say(Message::CloseAssociation { id });
        }
        outbox.give_back(4, 50);
        let messages = outbox.take();
        assert_eq!(
            messages.len(),
            opened as usize + crate::flow::udp::MAX_ASSOCIATIONS + 1
        );
    }

    #[test]
    fn a_peer_that_does_not_listen_costs_a_bounded_queue() {
        let mut outbox = Outbox::default();
        for id in 0..100_000 {
            outbox.say(Message::CloseAssociation { id });
        }
        assert_eq!(outbox.take().len(), MAX_QUEUED);
    }
}
