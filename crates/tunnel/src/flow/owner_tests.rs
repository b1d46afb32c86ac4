use std::net::TcpStream;
use std::os::unix::fs::fchown;

use tokio::sync::mpsc;

use super::*;

const SOMEBODY: u32 = 4242;

fn check() -> (OwnerCheck, mpsc::UnboundedReceiver<Event>) {
    let (tx, rx) = mpsc::unbounded_channel();
    (OwnerCheck::new(tx), rx)
}

#[test]
fn our_own_is_dialled_whoever_it_was_before() {
    let (check, mut events) = check();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let near = listener.local_addr().unwrap();
    for owner in [None, Some(geteuid().as_raw()), Some(SOMEBODY)] {
        assert_eq!(check.judge(Proto::Tcp, "tcp/x", owner, near, None), Ok(()));
    }
    assert!(events.try_recv().is_err());
}

#[test]
fn where_nobody_listens_nothing_is_dialled() {
    let (check, _events) = check();
    for proto in [Proto::Tcp, Proto::Udp] {
        let bound = TcpListener::bind("127.0.0.1:0").unwrap();
        let near = bound.local_addr().unwrap();
        drop(bound);
        let judged = check.judge(proto, "x", Some(0), near, None);
        assert_eq!(judged, Err(FlowEnd::Refused));
    }
}

#[test]
fn another_user_who_took_the_port_is_not_dialled_and_told_once() {
    if !geteuid().is_root() {
        return; // only root can give a socket away
    }
    let (check, mut events) = check();
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    fchown(&tcp, Some(SOMEBODY), None).unwrap();
    fchown(&udp, Some(SOMEBODY), None).unwrap();
    for (proto, near) in [
        (Proto::Tcp, tcp.local_addr().unwrap()),
        (Proto::Udp, udp.local_addr().unwrap()),
    ] {
        let key = format!("{proto:?}");
        assert_eq!(check.judge(proto, &key, None, near, None), Ok(()));
        assert_eq!(check.judge(proto, &key, Some(SOMEBODY), near, None), Ok(()));
        for _ in 0..3 {
            let judged = check.judge(proto, &key, Some(1000), near, None);
            assert_eq!(judged, Err(FlowEnd::OtherOwner));
        }
        assert!(matches!(events.try_recv(), Ok(Event::Note(text)) if text.starts_with(&key)));
        assert!(events.try_recv().is_err());
    }
}

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
