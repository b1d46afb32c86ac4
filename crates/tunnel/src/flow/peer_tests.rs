use std::io::Write;
use std::net::{TcpListener, TcpStream, UdpSocket};

use super::*;

#[test]
fn a_connection_of_ours_is_known_until_it_is_closed() {
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let listener = TcpListener::bind(address).unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (far, peer) = listener.accept().unwrap();
        let local = far.local_addr().unwrap();
        assert!(is_own(Proto::Tcp, Ok(local), peer), "{address}");
        let nobody = SocketAddr::new(peer.ip(), 1);
        assert!(!is_own(Proto::Tcp, Ok(local), nobody));
        drop(near);
        assert!(!is_own(Proto::Tcp, Ok(local), peer), "{address}");
    }
}

#[test]
fn what_the_other_kernel_has_not_taken_is_counted() {
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let listener = TcpListener::bind(address).unwrap();
        let mut near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (far, _) = listener.accept().unwrap();
        let (local, peer) = (near.local_addr().unwrap(), near.peer_addr().unwrap());
        near.write_all(b"taken by the kernel, read or not").unwrap();
        while read_unacked(local, peer) != Some(0) {}
        near.set_nonblocking(true).unwrap();
        while near.write(&[0; 65_536]).is_ok() {}
        assert!(read_unacked(local, peer).unwrap() > 0, "{address}");
        assert_eq!(read_unacked(local, SocketAddr::new(peer.ip(), 1)), None);
        drop((near, far));
    }
}

#[test]
fn a_udp_client_of_ours_is_known() {
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let ours = UdpSocket::bind(address).unwrap();
        let local = ours.local_addr().unwrap();
        for connects in [false, true] {
            let client = UdpSocket::bind(address).unwrap();
            if connects {
                client.connect(local).unwrap();
            }
            let peer = client.local_addr().unwrap();
            assert!(is_own(Proto::Udp, Ok(local), peer), "{address}");
            let nobody = SocketAddr::new(peer.ip(), 1);
            assert!(!is_own(Proto::Udp, Ok(local), nobody));
        }
    }
}
