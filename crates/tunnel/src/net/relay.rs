//! The path of last resort: QUIC packets as messages of a Unix socket, which Python carries on.

use std::io::IoSliceMut;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::task::{Context, Poll};

use quinn::udp::{RecvMeta, Transmit};
use tokio::io::ReadBuf;

use super::path::Path;

/// The address that stands for the relay towards quinn: of a range that is never routed.
pub fn relay_address(is_ipv6: bool) -> SocketAddr {
    let ip: IpAddr = if is_ipv6 {
        Ipv6Addr::new(0x100, 0, 0, 0, 0, 0, 0, 1).into() // RFC 6666
    } else {
        Ipv4Addr::new(192, 0, 2, 1).into() // RFC 5737
    };
    SocketAddr::new(ip, 1)
}

/// Send packets by the relay, if there is one. A full one drops them as a full router does;
/// congestion control sees to it.
pub fn send_by_relay(path: &Path, transmit: &Transmit) {
    let Some(relay) = path.relay() else {
        return;
    };
    let size = transmit.segment_size.unwrap_or(transmit.contents.len());
    for packet in transmit.contents.chunks(size.max(1)) {
        let _ = relay.try_send(packet);
    }
}

/// Take what came by the relay, as if from `source`. Wakes when a relay is attached, too.
pub fn poll_relay(
    path: &Path,
    source: SocketAddr,
    cx: &mut Context,
    bufs: &mut [IoSliceMut<'_>],
    metas: &mut [RecvMeta],
) -> Poll<usize> {
    path.wait_relay(cx.waker());
    let Some(relay) = path.relay() else {
        return Poll::Pending;
    };
    let mut count = 0;
    for (buf, meta) in bufs.iter_mut().zip(metas.iter_mut()) {
        let mut read = ReadBuf::new(buf);
        match relay.poll_recv(cx, &mut read) {
            Poll::Ready(Ok(())) if !read.filled().is_empty() => {
                let len = read.filled().len();
                *meta = describe(source, if path.is_welcome(&buf[..len]) { len } else { 0 });
                count += 1;
            }
            Poll::Ready(_) => {
                path.set_relay(None); // its other end is gone
                break;
            }
            Poll::Pending => break,
        }
    }
    if count == 0 {
        Poll::Pending
    } else {
        Poll::Ready(count)
    }
}

fn describe(source: SocketAddr, len: usize) -> RecvMeta {
    RecvMeta {
        addr: source,
        len,
        stride: len.max(1),
        ecn: None,
        dst_ip: None,
    }
}
