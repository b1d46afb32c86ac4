//! Target: connect one socket for each association, so that replies find their client.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use socket2::SockRef;
use tokio::net::UdpSocket;
use tokio::task::AbortHandle;

use super::carrier::{Arrival, Carrier, Deliver};
use super::datagram::Reassembly;
use super::socket::{read_burst, tune};
use super::table::Table;
use crate::error::FlowEnd;
use crate::flow::owner::OwnerCheck;
use crate::flow::services::{Service, Services};
use crate::flow::stats::{OpenFlow, ServiceStats};
use crate::flow::wire::Message;
use crate::lock::lock;
use crate::net::diag::Proto;

/// Datagrams that overtook the opening of their association, and how long they wait for it.
const MAX_EARLY: usize = 512;
const EARLY_LIFE: Duration = Duration::from_secs(1);

/// How often an association checks who has its service's port.
const CHECK: Duration = Duration::from_millis(20);

struct Association {
    service: String,
    owner: Option<u32>,
    near: SocketAddr,
    checked: Instant,
    socket: Arc<UdpSocket>,
    stats: Arc<ServiceStats>,
    reassembly: Reassembly,
    task: AbortHandle,
    _open: OpenFlow,
}

impl Drop for Association {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[derive(Default)]
struct State {
    table: Table<Association>,
    early: VecDeque<(Instant, u32, Arrival)>,
}

/// All UDP associations of the target.
pub struct TargetUdp {
    /// Who may be dialled.
    pub owners: Arc<OwnerCheck>,
    carrier: Arc<Carrier>,
    services: Arc<Services>,
    state: Mutex<State>,
}

impl TargetUdp {
    /// Start without an association.
    pub fn new(
        carrier: Arc<Carrier>,
        services: Arc<Services>,
        owners: Arc<OwnerCheck>,
    ) -> Arc<Self> {
        Arc::new(Self {
            owners,
            carrier,
            services,
            state: Mutex::default(),
        })
    }

    /// Open an association of the host.
    pub fn open(self: &Arc<Self>, id: u32, key: String) {
        let now = Instant::now();
        // A key that is not in the table is not counted: the peer could make up any number of them.
        let Some(service) = self.services.find(&key) else {
            self.carrier.outbox.send(Message::CloseAssociation { id });
            return;
        };
        let stats = self.carrier.stats.service(&key);
        let Some((socket, near)) = connect(&key, &service, &self.owners) else {
            stats.refuse();
            self.carrier.outbox.send(Message::CloseAssociation { id });
            return;
        };
        let socket = Arc::new(socket);
        let replies = run_replies(self.clone(), id, socket.clone(), stats.clone());
        let association = Association {
            service: key,
            owner: service.owner,
            near,
            checked: now,
            socket,
            reassembly: Reassembly::default(),
            task: tokio::spawn(replies).abort_handle(),
            _open: stats.open_flow(),
            stats,
        };
        let early = {
            let state = &mut *lock(&self.state);
            if let Some((old, _)) = state.table.insert(id, association, now) {
                self.carrier
                    .outbox
                    .send(Message::CloseAssociation { id: old });
            }
            take_early(&mut state.early, id, now)
        };
        for arrival in early {
            self.deliver(id, arrival, now);
        }
    }

    /// Forget an association that the host has ended.
    pub fn close(&self, id: u32) {
        lock(&self.state).table.remove(id);
    }

    /// End what was idle for too long. Called once a second.
    pub fn tick(&self, now: Instant) {
        self.end_where(now, |_| false);
    }

    /// End the associations of one service, or all of them.
    pub fn drop_service(&self, service: Option<&str>) {
        self.end_where(Instant::now(), |one| {
            service.is_none_or(|key| one.service == key)
        });
    }

    /// Look an association up and mark it as used; it ends if another user has its service's port.
    fn find_judged<'a>(
        &self,
        table: &'a mut Table<Association>,
        id: u32,
        now: Instant,
    ) -> Option<&'a mut Association> {
        let one = table.touch(id, now)?;
        if now.saturating_duration_since(one.checked) >= CHECK {
            one.checked = now;
            let far = one.socket.local_addr().ok();
            let judged = self
                .owners
                .judge(Proto::Udp, &one.service, one.owner, one.near, far);
            if judged == Err(FlowEnd::OtherOwner) {
                one.stats.refuse();
                table.remove(id);
                self.carrier.outbox.send(Message::CloseAssociation { id });
                return None;
            }
        }
        table.touch(id, now)
    }

    fn end_where(&self, now: Instant, is_over: impl Fn(&Association) -> bool) {
        let state = &mut *lock(&self.state);
        for (id, _) in state.table.expire(now, is_over) {
            self.carrier.outbox.send(Message::CloseAssociation { id });
        }
        state
            .early
            .retain(|(since, _, _)| now.duration_since(*since) < EARLY_LIFE);
    }
}

fn take_early(
    early: &mut VecDeque<(Instant, u32, Arrival)>,
    id: u32,
    now: Instant,
) -> Vec<Arrival> {
    let mut mine = Vec::new();
    for (since, other, arrival) in std::mem::take(early) {
        if other == id {
            mine.push(arrival);
        } else if now.duration_since(since) < EARLY_LIFE {
            early.push_back((since, other, arrival));
        }
    }
    mine
}

impl Deliver for TargetUdp {
    fn deliver(&self, id: u32, arrival: Arrival, now: Instant) {
        let state = &mut *lock(&self.state);
        let Some(association) = self.find_judged(&mut state.table, id, now) else {
            if state.early.len() >= MAX_EARLY {
                state.early.pop_front();
            }
            state.early.push_back((now, id, arrival));
            return;
        };
        if let Some(payload) = arrival.complete(&mut association.reassembly, now) {
            association.stats.add(true, payload.len() as u64);
            // Not tokio's try_send: a fresh socket is not known to be writable yet.
            let _ = SockRef::from(&*association.socket).send(&payload);
        }
    }
}

async fn run_replies(
    udp: Arc<TargetUdp>,
    id: u32,
    socket: Arc<UdpSocket>,
    stats: Arc<ServiceStats>,
) {
    let mut number = 0u16;
    loop {
        // An error is an ICMP message about an earlier datagram; the service may be back soon.
        let _ = read_burst(&socket, |payload, _| {
            number = number.wrapping_add(1);
            let state = &mut *lock(&udp.state);
            if udp
                .find_judged(&mut state.table, id, Instant::now())
                .is_some()
            {
                stats.add(false, payload.len() as u64);
                udp.carrier.send(id, number, payload);
            }
        })
        .await;
    }
}

/// Return a socket connected to the first address that may be dialled.
fn connect(key: &str, service: &Service, owners: &OwnerCheck) -> Option<(UdpSocket, SocketAddr)> {
    service.addresses.iter().find_map(|to| {
        let any: SocketAddr = match to {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let socket = std::net::UdpSocket::bind(any).ok()?;
        socket.connect(to).ok()?;
        let far = socket.local_addr().ok();
        owners
            .judge(Proto::Udp, key, service.owner, *to, far)
            .ok()?;
        socket.set_nonblocking(true).ok()?;
        let socket = UdpSocket::from_std(socket).ok()?;
        tune(&socket);
        Some((socket, *to))
    })
}
