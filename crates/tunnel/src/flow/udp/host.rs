//! Host: take the datagrams of local clients off the bindings, and return the replies.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use socket2::SockRef;
use tokio::net::UdpSocket;

use super::carrier::{Arrival, Carrier, Deliver};
use super::datagram::Reassembly;
use super::socket::read_burst;
use super::table::Table;
use crate::flow::owner::find_own;
use crate::flow::stats::{OpenFlow, ServiceStats};
use crate::flow::wire::Message;
use crate::lock::lock;
use crate::net::diag::Proto;

struct Association {
    binding: u64,
    client: SocketAddr,
    /// With `own_user`: our end, and the cookie of the client's socket.
    sender: Option<(SocketAddr, u64)>,
    socket: Arc<UdpSocket>,
    stats: Arc<ServiceStats>,
    reassembly: Reassembly,
    number: u16,
    _open: OpenFlow,
}

#[derive(Default)]
struct State {
    table: Table<Association>,
    ids: HashMap<(u64, SocketAddr), u32>,
    next_id: u32,
}

/// All UDP associations of the host.
pub struct HostUdp {
    carrier: Arc<Carrier>,
    state: Mutex<State>,
}

/// A binding whose datagrams are carried.
pub struct UdpBinding {
    /// The number that Python gave it.
    pub id: u64,
    /// Key of its service.
    pub service: String,
    /// Its socket, shared with Python.
    pub socket: Arc<UdpSocket>,
    /// Drop what other users send.
    pub own_user: bool,
}

/// A datagram does not name the socket that sent it. But the socket that has an address now and had it
/// when the association began has had it all the time, so each datagram in between is its own.
impl UdpBinding {
    /// Return which socket has a client's address, if that is checked. Fails if it may not pass.
    fn find_sender(&self, client: SocketAddr) -> Result<Option<(SocketAddr, u64)>, ()> {
        if !self.own_user {
            return Ok(None);
        }
        let local = self.socket.local_addr().map_err(drop)?;
        let cookie = find_own(Proto::Udp, local, client).ok_or(())?;
        Ok(Some((local, cookie)))
    }
}

impl Association {
    /// Return whether the socket that the association began with still has the client's address.
    fn has_sender(&self) -> bool {
        self.sender
            .is_none_or(|(local, cookie)| find_own(Proto::Udp, local, self.client) == Some(cookie))
    }
}

impl HostUdp {
    /// Start without an association.
    pub fn new(carrier: Arc<Carrier>) -> Arc<Self> {
        Arc::new(Self {
            carrier,
            state: Mutex::default(),
        })
    }

    /// Carry a binding's datagrams until cancelled. Cancel-safe.
    pub async fn run_binding(self: Arc<Self>, binding: UdpBinding) {
        loop {
            // An error belongs to one datagram (an ICMP message): the next call has the next one.
            let _ = read_burst(&binding.socket, |payload, client| {
                if let Some((id, number)) = self.find_or_open(&binding, client, payload.len()) {
                    self.carrier.send(id, number, payload);
                }
            })
            .await;
        }
    }

    /// Return association and number of a datagram; None if it is lost, because none can be opened.
    fn find_or_open(
        &self,
        binding: &UdpBinding,
        client: SocketAddr,
        bytes: usize,
    ) -> Option<(u32, u16)> {
        let now = Instant::now();
        let sender = binding.find_sender(client);
        let state = &mut *lock(&self.state);
        if let Some(&id) = state.ids.get(&(binding.id, client))
            && let Some(association) = state.table.touch(id, now)
        {
            if sender == Ok(association.sender) {
                association.number = association.number.wrapping_add(1);
                association.stats.add(true, bytes as u64);
                return Some((id, association.number));
            }
            self.end(state, id);
        }
        let Ok(sender) = sender else {
            self.carrier.stats.service(&binding.service).refuse();
            return None;
        };
        if !self.carrier.outbox.has_room_to_open() || !state.table.has_room(now) {
            return None;
        }
        let id = state.next_id;
        state.next_id = state.next_id.wrapping_add(1);
        let stats = self.carrier.stats.service(&binding.service);
        let association = Association {
            binding: binding.id,
            client,
            sender,
            socket: binding.socket.clone(),
            reassembly: Reassembly::default(),
            number: 0,
            _open: stats.open_flow(),
            stats,
        };
        association.stats.add(true, bytes as u64);
        if let Some((old, left)) = state.table.insert(id, association, now) {
            self.forget(&mut state.ids, old, &left);
        }
        state.ids.insert((binding.id, client), id);
        self.carrier.outbox.send(Message::OpenAssociation {
            id,
            service: binding.service.clone(),
        });
        Some((id, 0))
    }

    fn end(&self, state: &mut State, id: u32) {
        if let Some(left) = state.table.remove(id) {
            self.forget(&mut state.ids, id, &left);
        }
    }

    fn forget(&self, ids: &mut HashMap<(u64, SocketAddr), u32>, id: u32, left: &Association) {
        ids.remove(&(left.binding, left.client));
        self.carrier.outbox.send(Message::CloseAssociation { id });
    }

    /// End what was idle for too long. Called once a second.
    pub fn tick(&self, now: Instant) {
        self.end_where(now, |_| false);
    }

    /// End the associations of one binding.
    pub fn release(&self, binding: u64) {
        self.end_where(Instant::now(), |association| association.binding == binding);
    }

    fn end_where(&self, now: Instant, is_over: impl Fn(&Association) -> bool) {
        let state = &mut *lock(&self.state);
        for (id, left) in state.table.expire(now, is_over) {
            self.forget(&mut state.ids, id, &left);
        }
    }

    /// Forget an association that the target has ended.
    pub fn close(&self, id: u32) {
        let state = &mut *lock(&self.state);
        if let Some(left) = state.table.remove(id) {
            state.ids.remove(&(left.binding, left.client));
        }
    }
}

impl Deliver for HostUdp {
    fn deliver(&self, id: u32, arrival: Arrival, now: Instant) {
        let state = &mut *lock(&self.state);
        let Some(association) = state.table.touch(id, now) else {
            return;
        };
        if !association.has_sender() {
            self.end(state, id); // another socket has the address: the reply is not for it
            return;
        }
        if let Some(payload) = arrival.complete(&mut association.reassembly, now) {
            association.stats.add(false, payload.len() as u64);
            // A full local socket loses the datagram, as the kernel would.
            let _ =
                SockRef::from(&*association.socket).send_to(&payload, &association.client.into());
        }
    }
}
