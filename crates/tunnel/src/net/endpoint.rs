//! Open the QUIC endpoint of a sidecar, and rebind it to another socket.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex};

use quinn::{AsyncUdpSocket, EndpointConfig, Runtime, TokioRuntime};
use socket2::{Domain, Protocol, Socket, Type};

use super::addresses::{in_family, relay_address};
use super::gate::{Gate, GateIds};
use super::path::Path;
use super::pulse::Pulse;
use super::socket::PathSocket;
use crate::error::LinkError;
use crate::lock::lock;

/// Asked of the kernel, which gives what its limit allows. A burst of 4 MiB is 5 ms at 6 Gbit/s.
const SOCKET_BUFFER: usize = 4 * 1024 * 1024;

/// One UDP port with QUIC on it.
pub struct Endpoint {
    /// quinn's part.
    pub quic: quinn::Endpoint,
    /// What its sockets share.
    pub path: Arc<Path>,
    /// Lets heartbeats pass congestion control.
    pub pulse: Pulse,
    socket: Mutex<Arc<PathSocket>>,
}

impl Endpoint {
    /// Put QUIC on a bound socket.
    pub fn new(socket: UdpSocket) -> Result<Self, LinkError> {
        Self::with_socket(wrap(socket).map_err(|e| LinkError::new("udp-socket", e))?)
    }

    /// Put QUIC on any kind of socket; tests bring their own network.
    pub fn with_socket(inner: Arc<dyn AsyncUdpSocket>) -> Result<Self, LinkError> {
        let trouble = |error: io::Error| LinkError::new("udp-socket", error);
        let gate = Gate::default();
        let path = Path::new(gate.clone());
        let socket = PathSocket::new(inner, path.clone()).map_err(trouble)?;
        let mut config = EndpointConfig::default();
        // The fixed bit distinguishes QUIC from probes, so it must stay set.
        config.grease_quic_bit(false);
        config.cid_generator(move || Box::new(GateIds::new(gate.clone())));
        let quic = quinn::Endpoint::new_with_abstract_socket(
            config,
            None,
            socket.clone(),
            Arc::new(TokioRuntime),
        )
        .map_err(trouble)?;
        Ok(Self {
            quic,
            path,
            pulse: Pulse::default(),
            socket: Mutex::new(socket),
        })
    }

    /// Continue with another local socket, at once.
    pub fn rebind(&self, socket: UdpSocket) -> io::Result<()> {
        self.rebind_with(wrap(socket)?)
    }

    /// Continue with another socket of any kind.
    pub fn rebind_with(&self, inner: Arc<dyn AsyncUdpSocket>) -> io::Result<()> {
        let socket = PathSocket::new(inner, self.path.clone())?;
        self.quic.rebind_abstract(socket.clone())?;
        *lock(&self.socket) = socket;
        self.pulse.want();
        self.path.rebound.notify_one();
        Ok(())
    }

    /// Return whether an address stands for the relay.
    pub fn is_relay(&self, address: SocketAddr) -> bool {
        address == relay_address(address.is_ipv6())
    }

    /// Send a packet that is not QUIC.
    pub fn send_aside(&self, packet: &[u8], to: SocketAddr) {
        let socket = lock(&self.socket).clone();
        let is_ipv6 = socket.local_addr().is_ok_and(|local| local.is_ipv6());
        socket.send_aside(packet, in_family(to, is_ipv6));
    }
}

fn wrap(socket: UdpSocket) -> io::Result<Arc<dyn AsyncUdpSocket>> {
    socket.set_nonblocking(true)?;
    let handle = socket2::SockRef::from(&socket);
    let _ = handle.set_recv_buffer_size(SOCKET_BUFFER);
    let _ = handle.set_send_buffer_size(SOCKET_BUFFER);
    TokioRuntime.wrap_udp_socket(socket)
}

/// Open the host's socket: any port, both families where the machine has both.
pub fn open_any() -> io::Result<UdpSocket> {
    let dual = || -> io::Result<UdpSocket> {
        let socket = Socket::new(Domain::IPV6, Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_only_v6(false)?;
        socket.bind(&SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)).into())?;
        Ok(socket.into())
    };
    dual().or_else(|_| UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)))
}

fn is_about_the_port(kind: io::ErrorKind) -> bool {
    matches!(
        kind,
        io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied
    )
}

/// Open the target's socket: the first free port of the range on that address.
pub fn open_in_range(ip: std::net::IpAddr, first: u16, last: u16) -> Result<UdpSocket, LinkError> {
    let mut trouble = LinkError::new("no-udp-port", "the range is empty");
    for port in first..=last {
        match UdpSocket::bind((ip, port)) {
            Ok(socket) => return Ok(socket),
            // Ports below 1024 need privilege; a range may begin there.
            Err(error) if is_about_the_port(error.kind()) => {
                trouble = LinkError::new("no-udp-port", error);
            }
            Err(error) => return Err(LinkError::new("udp-socket", error)),
        }
    }
    Err(trouble)
}
