use std::io::Write;
use std::net::{TcpListener, TcpStream, UdpSocket};

use proptest::prelude::*;

use super::*;

#[test]
fn a_listener_is_found_by_the_address_that_is_dialled() {
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let listener = TcpListener::bind(address).unwrap();
        let near = listener.local_addr().unwrap();
        let found = find(Proto::Tcp, near, None).unwrap().unwrap();
        assert_ne!(found.inode, 0);
        assert_eq!(find(Proto::Tcp, near, None).unwrap(), Some(found));
        assert_eq!(find(Proto::Udp, near, None).unwrap(), None);
        drop(listener);
        assert_eq!(find(Proto::Tcp, near, None).unwrap(), None);
    }
}

#[test]
fn another_socket_has_another_cookie() {
    let first = UdpSocket::bind("127.0.0.1:0").unwrap();
    let near = first.local_addr().unwrap();
    let before = find(Proto::Udp, near, None).unwrap().unwrap();
    drop(first);
    let _second = UdpSocket::bind(near).unwrap();
    let after = find(Proto::Udp, near, None).unwrap().unwrap();
    assert_ne!(before.cookie, after.cookie);
}

fn reply(kind: u16, port: u16) -> Vec<u8> {
    let mut out = vec![0; UID_AT];
    out[4..6].copy_from_slice(&kind.to_ne_bytes());
    out[HEADER_BYTES + 4..HEADER_BYTES + 6].copy_from_slice(&port.to_be_bytes());
    out[COOKIE_AT..COOKIE_AT + 8].copy_from_slice(&5u64.to_ne_bytes());
    out[UNACKED_AT..UNACKED_AT + 4].copy_from_slice(&3u32.to_ne_bytes());
    out.extend(1000u32.to_ne_bytes());
    out.extend(7u32.to_ne_bytes());
    out
}

fn refusal(errno: i32) -> Vec<u8> {
    let mut out = vec![0; HEADER_BYTES];
    out[4..6].copy_from_slice(&NLMSG_ERROR.to_ne_bytes());
    out.extend((-errno).to_ne_bytes());
    out
}

#[test]
fn replies_are_read_with_care() {
    let found = Found {
        uid: 1000,
        inode: 7,
        cookie: 5,
        unacked: 3,
    };
    assert_eq!(parse(&reply(20, 9), 9).unwrap(), Some(found));
    assert_eq!(parse(&refusal(ENOENT), 9).unwrap(), None);
    assert_eq!(parse(&refusal(1), 9).unwrap_err().raw_os_error(), Some(1));
    assert!(parse(&refusal(0), 9).is_err());
    assert!(parse(&reply(20, 9), 10).is_err(), "another socket");
    assert!(parse(&reply(3, 9), 9).is_err(), "another message");
    let whole = reply(20, 9);
    for len in 0..whole.len() {
        assert!(parse(&whole[..len], 9).is_err());
    }
}

proptest! {
    #[test]
    fn any_bytes_are_no_crash(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(&bytes, 9);
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
