//! Count bytes and flows by service.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use crate::lock::lock;

/// Services that are counted; past it one without flows is forgotten for a new one. A `stats` line of
/// all of them stays below the limit of a line.
const MAX_SERVICES: usize = 4096;

/// What one service carried, as the host sees it: up is from the host to the target.
#[derive(Debug, Default)]
pub struct ServiceStats {
    up: AtomicU64,
    down: AtomicU64,
    open: AtomicU64,
    total: AtomicU64,
    refused: AtomicU64,
}

/// A reading of one service's counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ServiceReading {
    /// Bytes from the host to the target.
    pub up: u64,
    /// Bytes from the target to the host.
    pub down: u64,
    /// Flows that are open.
    pub open: u64,
    /// Flows since the start.
    pub total: u64,
    /// Flows that never reached their service.
    pub refused: u64,
}

impl ServiceStats {
    /// Count a flow as open until the guard is dropped.
    pub fn open_flow(self: &Arc<Self>) -> OpenFlow {
        self.open.fetch_add(1, Relaxed);
        self.total.fetch_add(1, Relaxed);
        OpenFlow(self.clone())
    }

    /// Count payload.
    pub fn add(&self, is_up: bool, bytes: u64) {
        let counter = if is_up { &self.up } else { &self.down };
        counter.fetch_add(bytes, Relaxed);
    }

    /// Count a refused flow.
    pub fn refuse(&self) {
        self.refused.fetch_add(1, Relaxed);
    }

    fn is_idle(&self) -> bool {
        self.open.load(Relaxed) == 0
    }

    fn read(&self) -> ServiceReading {
        ServiceReading {
            up: self.up.load(Relaxed),
            down: self.down.load(Relaxed),
            open: self.open.load(Relaxed),
            total: self.total.load(Relaxed),
            refused: self.refused.load(Relaxed),
        }
    }
}

/// Counts one flow as open while it lives.
pub struct OpenFlow(Arc<ServiceStats>);

impl Drop for OpenFlow {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Relaxed);
    }
}

/// All services' counters.
#[derive(Debug, Default)]
pub struct Stats {
    services: Mutex<BTreeMap<String, Arc<ServiceStats>>>,
}

impl Stats {
    /// Return the counters of one service, which are made at the first call.
    pub fn service(&self, key: &str) -> Arc<ServiceStats> {
        let mut services = lock(&self.services);
        if let Some(stats) = services.get(key) {
            return stats.clone();
        }
        if services.len() >= MAX_SERVICES {
            let idle = services.iter().find(|(_, stats)| stats.is_idle());
            if let Some(idle) = idle.map(|(key, _)| key.clone()) {
                services.remove(&idle);
            }
        }
        services.entry(key.to_owned()).or_default().clone()
    }

    /// Read all counters.
    pub fn read(&self) -> BTreeMap<String, ServiceReading> {
        lock(&self.services)
            .iter()
            .map(|(key, stats)| (key.clone(), stats.read()))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flow_is_open_while_its_guard_lives() {
        let stats = Stats::default();
        let service = stats.service("tcp/127.0.0.1:80");
        let flow = service.open_flow();
        service.add(true, 10);
        service.add(false, 20);
        assert_eq!(
            stats.read()["tcp/127.0.0.1:80"],
            ServiceReading {
                up: 10,
                down: 20,
                open: 1,
                total: 1,
                refused: 0
            }
        );
        drop(flow);
        assert_eq!(stats.read()["tcp/127.0.0.1:80"].open, 0);
    }

    #[test]
    fn services_that_come_and_go_are_counted_in_bounds() {
        let stats = Stats::default();
        let open = stats.service("tcp/127.0.0.1:0").open_flow();
        for number in 1..=MAX_SERVICES {
            stats.service(&format!("tcp/127.0.0.1:{number}"));
        }
        let read = stats.read();
        assert_eq!(read.len(), MAX_SERVICES);
        assert_eq!(read["tcp/127.0.0.1:0"].open, 1);
        assert!(read.contains_key(&format!("tcp/127.0.0.1:{MAX_SERVICES}")));
        drop(open);
    }
}
