//! Queue the messages for the control stream: those about associations in their order, and for each
//! flow the newest one about its credit.
//!
//! In a blackout nothing leaves, perhaps for hours. Credit takes one place for each flow, so none of
//! it is ever lost: a flow whose peer missed a give-back would wait for ever. No association is opened
//! while many messages wait, so that the open ones have room for their end.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;

use tokio::sync::Notify;

use super::wire::Message;
use crate::lock::lock;

/// Messages about associations that may wait. Only a host that opens many and reads nothing gets there.
const MAX_QUEUED: usize = 8192;
/// With more than this waiting no association is opened.
const MAX_QUEUED_TO_OPEN: usize = MAX_QUEUED / 2;

/// The queue of one connection, shared by those who send and the control stream.
#[derive(Default)]
pub struct Outbox {
    queue: Mutex<Queue>,
    queued: Notify,
}

impl Outbox {
    /// Change what waits, and wake the control stream.
    pub fn post(&self, put: impl FnOnce(&mut Queue)) {
        put(&mut lock(&self.queue));
        self.queued.notify_one();
    }

    /// Queue a message about an association.
    pub fn send(&self, message: Message) {
        self.post(|queue| queue.push(message));
    }

    /// Drop what waits for a flow that has ended.
    pub fn forget(&self, flow: u64) {
        lock(&self.queue).forget(flow);
    }

    /// Return whether the control stream keeps up, so that an association may be opened.
    pub fn has_room_to_open(&self) -> bool {
        lock(&self.queue).has_room_to_open()
    }

    /// Wait for messages and take them. Cancel-safe.
    pub async fn next_messages(&self) -> Vec<Message> {
        loop {
            let messages = lock(&self.queue).take();
            if !messages.is_empty() {
                return messages;
            }
            self.queued.notified().await;
        }
    }
}

/// What waits. Pure.
#[derive(Debug, Default)]
pub struct Queue {
    queue: VecDeque<Message>,
    grants: BTreeMap<u64, u64>,
    give_backs: BTreeMap<u64, u64>,
    gone: BTreeMap<u64, Option<u64>>,
}

impl Queue {
    /// Add a message about an association. It is lost if far too many wait.
    fn push(&mut self, message: Message) {
        if self.queue.len() < MAX_QUEUED {
            self.queue.push_back(message);
        }
    }

    fn has_room_to_open(&self) -> bool {
        self.queue.len() < MAX_QUEUED_TO_OPEN
    }

    /// Let the peer send on this flow up to `limit`. Replaces what waits.
    pub fn grant(&mut self, flow: u64, limit: u64) {
        self.grants.insert(flow, limit);
    }

    /// Promise to stay below `limit` on this flow. Replaces what waits.
    pub fn give_back(&mut self, flow: u64, limit: u64) {
        self.give_backs.insert(flow, limit);
    }

    /// Report the reset of a flow's application, see `Message::Gone`. An end that is known stays.
    pub fn gone(&mut self, flow: u64, end: Option<u64>) {
        let known = self.gone.entry(flow).or_default();
        *known = end.or(*known);
    }

    fn forget(&mut self, flow: u64) {
        self.grants.remove(&flow);
        self.give_backs.remove(&flow);
        self.gone.remove(&flow);
    }

    /// Take all that waits, grants last.
    fn take(&mut self) -> Vec<Message> {
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
    use crate::flow::udp::table::MAX_ASSOCIATIONS;

    #[test]
    fn the_newest_credit_of_a_flow_is_told_once() {
        let mut queue = Queue::default();
        queue.grant(4, 100);
        queue.grant(4, 200);
        queue.give_back(4, 50);
        queue.grant(8, 1);
        queue.forget(8);
        let (give_back, grant) = (
            Message::GiveBack { flow: 4, limit: 50 },
            Message::Grant {
                flow: 4,
                limit: 200,
            },
        );
        assert_eq!(queue.take(), [give_back, grant]);
        assert_eq!(queue.take(), []);
    }

    #[test]
    fn an_end_that_is_known_is_told() {
        let mut queue = Queue::default();
        queue.gone(4, None);
        queue.gone(4, Some(9));
        queue.gone(4, None);
        let end = Some(9);
        assert_eq!(queue.take(), [Message::Gone { flow: 4, end }]);
        assert_eq!(queue.take(), []);
    }

    #[test]
    fn a_long_blackout_loses_neither_credit_nor_the_end_of_an_association() {
        let mut queue = Queue::default();
        let mut opened = 0;
        while queue.has_room_to_open() {
            let service = "udp/127.0.0.1:53".to_owned();
            queue.push(Message::OpenAssociation {
                id: opened,
                service,
            });
            opened += 1;
        }
        assert!(opened as usize >= MAX_ASSOCIATIONS);
        for id in 0..MAX_ASSOCIATIONS as u32 {
            queue.push(Message::CloseAssociation { id });
        }
        queue.give_back(4, 50);
        let messages = queue.take();
        assert_eq!(messages.len(), opened as usize + MAX_ASSOCIATIONS + 1);
    }

    #[test]
    fn a_peer_that_does_not_listen_costs_a_bounded_queue() {
        let mut queue = Queue::default();
        for id in 0..100_000 {
            queue.push(Message::CloseAssociation { id });
        }
        assert_eq!(queue.take().len(), MAX_QUEUED);
    }
}
