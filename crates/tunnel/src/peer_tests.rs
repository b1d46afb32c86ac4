use std::net::{TcpListener, TcpStream, UdpSocket};

use proptest::prelude::*;

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
        assert_eq!(read_uid(Proto::Tcp, local, nobody), None);
        drop(near);
        assert_eq!(read_uid(Proto::Tcp, local, peer), None, "{address}");
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
            assert!(!is_own(
                Proto::Udp,
                Ok(local),
                SocketAddr::new(peer.ip(), 1)
            ));
        }
    }
}

fn reply(kind: u16, port: u16, uid: u32, inode: u32) -> Vec<u8> {
    let mut out = vec![0; UID_AT];
    out[4..6].copy_from_slice(&kind.to_ne_bytes());
    out[HEADER_BYTES + 4..HEADER_BYTES + 6].copy_from_slice(&port.to_be_bytes());
    out.extend(uid.to_ne_bytes());
    out.extend(inode.to_ne_bytes());
    out
}

#[test]
fn replies_are_read_with_care() {
    assert_eq!(parse(&reply(20, 9, 1000, 7), 9), Some(1000));
    assert_eq!(parse(&reply(20, 9, 1000, 7), 10), None, "another socket");
    assert_eq!(parse(&reply(20, 9, 0, 0), 9), None, "closed by its program");
    assert_eq!(parse(&reply(2, 9, 0, 7), 9), None, "an error");
    let whole = reply(20, 9, 1000, 7);
    for len in 0..whole.len() {
        assert_eq!(parse(&whole[..len], 9), None);
    }
}

proptest! {
    #[test]
    fn any_bytes_are_no_crash(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(&bytes, 9);
    }
}
