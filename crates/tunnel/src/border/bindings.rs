//! Keep the bindings that Python handed over, each with the task that takes from it.

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use tokio::net::{TcpListener, UdpSocket};
use tokio::task::AbortHandle;

use crate::conn::host::HostLink;
use crate::error::LinkError;
use crate::event::{Event, EventsTx};
use crate::flow::tcp::host::run_accept;
use crate::flow::udp::host::UdpBinding;
use crate::flow::udp::socket::tune;

/// Bindings by the number that Python gave them.
#[derive(Default)]
pub struct Bindings {
    tasks: HashMap<u64, AbortHandle>,
}

fn trouble(error: impl ToString) -> LinkError {
    LinkError::new("bad-descriptor", error)
}

impl Bindings {
    /// Take connections or datagrams from a socket, by the protocol in the service's key.
    /// `own_user`: refuse those of other users.
    pub fn adopt(
        &mut self,
        host: &HostLink,
        binding: u64,
        service: String,
        own_user: bool,
        descriptor: OwnedFd,
        events: EventsTx,
    ) -> Result<(), LinkError> {
        let task = match service.split('/').next() {
            Some("tcp") => {
                let listener = std::net::TcpListener::from(descriptor);
                listener.set_nonblocking(true).map_err(trouble)?;
                let listener = TcpListener::from_std(listener).map_err(trouble)?;
                let flows = host.link.flows.clone();
                tokio::spawn(async move {
                    let error = run_accept(flows, listener, service, own_user).await;
                    let _ = events.send(Event::Note(format!("binding {binding}: {error}")));
                })
            }
            Some("udp") => {
                let socket = std::net::UdpSocket::from(descriptor);
                socket.set_nonblocking(true).map_err(trouble)?;
                let socket = Arc::new(UdpSocket::from_std(socket).map_err(trouble)?);
                tune(&socket);
                let binding = UdpBinding {
                    id: binding,
                    service,
                    socket,
                    own_user,
                };
                tokio::spawn(host.udp.clone().run_binding(binding))
            }
            _ => return Err(LinkError::new("bad-service", "neither tcp/ nor udp/")),
        };
        if let Some(old) = self.tasks.insert(binding, task.abort_handle()) {
            old.abort();
        }
        Ok(())
    }

    /// Stop taking from a binding. Its TCP flows continue; its UDP associations end.
    pub fn release(&mut self, host: Option<&HostLink>, binding: u64) {
        if let Some(task) = self.tasks.remove(&binding) {
            task.abort();
        }
        if let Some(host) = host {
            host.udp.release(binding);
        }
    }

    /// Stop taking from all.
    pub fn clear(&mut self) {
        for (_, task) in self.tasks.drain() {
            task.abort();
        }
    }
}
