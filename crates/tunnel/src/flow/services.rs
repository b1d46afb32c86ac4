//! Store the services that a target's sidecar may dial. The agent pushes the whole table. Pure.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::os::unix::net::SocketAddr as UnixAddr;
use std::sync::Mutex;

use crate::lock::lock;

/// No table is larger; the design binds at most 2,000 services.
pub const MAX_SERVICES: usize = 8192;
/// Addresses tried for one service; the agent sends one or two.
pub const MAX_ADDRESSES: usize = 4;

/// A service as the agent scanned it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// Where it is dialled, in the order to try.
    pub addresses: Vec<SocketAddr>,
    /// Whose socket it was; None for a service of the agent itself.
    pub owner: Option<u32>,
}

/// The table: service keys, and how each is dialled.
#[derive(Debug, Default)]
pub struct Services {
    table: Mutex<HashMap<String, Service>>,
    door: Mutex<Option<UnixAddr>>,
}

impl Services {
    /// Replace the table. Flows of a service that left it continue: a server that restarts closes its
    /// port before its connections.
    pub fn replace(
        &self,
        table: HashMap<String, Vec<SocketAddr>>,
        mut owners: HashMap<String, u32>,
    ) {
        *lock(&self.table) = table
            .into_iter()
            .map(|(key, addresses)| {
                let owner = owners.remove(&key);
                (key, Service { addresses, owner })
            })
            .collect();
    }

    /// Return how to dial a service; None if it is not in the table.
    pub fn find(&self, key: &str) -> Option<Service> {
        lock(&self.table).get(key).cloned()
    }

    /// Store the address of the agent's own socket, its door.
    pub fn set_door(&self, address: UnixAddr) {
        *lock(&self.door) = Some(address);
    }

    /// Return the address of the agent's door; None before it was named.
    pub fn door(&self) -> Option<UnixAddr> {
        lock(&self.door).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_newest_table_counts() {
        let services = Services::default();
        let address: SocketAddr = "127.0.0.1:80".parse().unwrap();
        let table = |keys: &[&str]| {
            keys.iter()
                .map(|k| (k.to_string(), vec![address]))
                .collect()
        };
        services.replace(table(&["a", "b"]), HashMap::new());
        services.replace(table(&["b", "c"]), HashMap::from([("c".into(), 1000)]));
        assert_eq!(services.find("a"), None);
        assert_eq!(services.find("b").unwrap().owner, None);
        let c = services.find("c").unwrap();
        assert_eq!((c.addresses, c.owner), (vec![address], Some(1000)));
    }
}
