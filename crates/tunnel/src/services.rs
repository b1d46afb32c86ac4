//! The table of services that a target's sidecar may dial. The agent pushes it whole. Pure.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Mutex;

use crate::lock::lock;

/// No table is larger; the design binds at most 2,000 services.
pub const MAX_SERVICES: usize = 8192;
/// Addresses tried for one service; the agent sends one or two.
pub const MAX_ADDRESSES: usize = 4;

/// Service keys, and where each is dialled, in the order to try.
#[derive(Debug, Default)]
pub struct Services {
    table: Mutex<HashMap<String, Vec<SocketAddr>>>,
}

impl Services {
    /// Replace the table. Flows of a service that left it go on: a server that restarts closes its
    /// port before its connections.
    pub fn replace(&self, table: HashMap<String, Vec<SocketAddr>>) {
        *lock(&self.table) = table;
    }

    /// Where to dial a service; None if it is not in the table.
    pub fn addresses(&self, key: &str) -> Option<Vec<SocketAddr>> {
        lock(&self.table).get(key).cloned()
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
        services.replace(table(&["a", "b"]));
        services.replace(table(&["b", "c"]));
        assert_eq!(services.addresses("a"), None);
        assert_eq!(services.addresses("c"), Some(vec![address]));
    }
}
