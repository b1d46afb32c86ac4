//! Convert and check addresses. Pure.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Return an address in the form that a socket of that family takes.
pub fn in_family(address: SocketAddr, is_ipv6: bool) -> SocketAddr {
    match address {
        SocketAddr::V4(v4) if is_ipv6 => (v4.ip().to_ipv6_mapped(), v4.port()).into(),
        other => other,
    }
}

/// Return an address with an IPv4-mapped IPv6 address turned back into IPv4.
pub fn plain(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// Return the address that stands for the relay towards quinn, from a range that is never routed.
pub fn relay_address(is_ipv6: bool) -> SocketAddr {
    let ip: IpAddr = if is_ipv6 {
        Ipv6Addr::new(0x100, 0, 0, 0, 0, 0, 0, 1).into() // RFC 6666
    } else {
        Ipv4Addr::new(192, 0, 2, 1).into() // RFC 5737
    };
    SocketAddr::new(ip, 1)
}

/// Return whether an address is neither broadcast nor multicast nor unspecified: a target must not
/// choose where we send a flood.
pub fn is_unicast(address: &SocketAddr) -> bool {
    let ip = address.ip().to_canonical();
    let is_broadcast = matches!(ip, IpAddr::V4(v4) if v4.is_broadcast());
    !ip.is_multicast() && !ip.is_unspecified() && !is_broadcast && address.port() != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_machine_is_ever_asked() {
        for bad in [
            "255.255.255.255:1",
            "224.0.0.1:1",
            "0.0.0.0:1",
            "[ff02::1]:1",
            "[::]:1",
            "1.2.3.4:0",
        ] {
            assert!(!is_unicast(&bad.parse().unwrap()), "{bad}");
        }
        assert!(is_unicast(&"10.0.0.1:60000".parse().unwrap()));
        assert!(is_unicast(&"[fe80::1]:60000".parse().unwrap()));
    }
}
