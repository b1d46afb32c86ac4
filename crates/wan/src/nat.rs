//! A change of address in the middle of the path: side A is seen under another address or other
//! ports, as behind a NAT that has forgotten it. Pure: rewrites IPv4 packets in place.

use std::net::Ipv4Addr;

const TCP: u8 = 6;
const UDP: u8 = 17;

/// How side A looks from side B.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Nat {
    /// A's own address and the one it is seen under.
    pub address: Option<(Ipv4Addr, Ipv4Addr)>,
    /// Added to A's ports.
    pub shift: u16,
}

impl Nat {
    pub fn is_idle(&self) -> bool {
        self.address.is_none() && self.shift == 0
    }

    /// A packet of A on its way to B. False: it cannot pass.
    pub fn outward(&self, packet: &mut [u8]) -> bool {
        self.rewrite(packet, 12, 0, |a| {
            self.address.filter(|x| x.0 == a).map(|x| x.1)
        })
    }

    /// A packet of B on its way to A. False: it is for an address that A no longer has.
    pub fn inward(&self, packet: &mut [u8]) -> bool {
        if let (Some((own, _)), Some(to)) = (self.address, address_at(packet, 16))
            && to == own
        {
            return false;
        }
        self.rewrite(packet, 16, 2, |a| {
            self.address.filter(|x| x.1 == a).map(|x| x.0)
        })
    }

    /// Exchanges the address at `offset` and shifts the port at `port` of the transport header.
    fn rewrite(
        &self,
        packet: &mut [u8],
        offset: usize,
        port: usize,
        exchange: impl Fn(Ipv4Addr) -> Option<Ipv4Addr>,
    ) -> bool {
        let Some(old) = address_at(packet, offset) else {
            return true; // IPv6 or not IP at all: passes as it is
        };
        let header = usize::from(packet[0] & 15) * 4;
        let first = packet[6] & 0x1f == 0 && packet[7] == 0;
        let sum = match packet[9] {
            TCP => header + 16,
            UDP => header + 6,
            _ => usize::MAX,
        };
        let transport = first && header >= 20 && packet.len() > sum.saturating_add(1);
        if let Some(new) = exchange(old) {
            for (i, (old, new)) in words(old).into_iter().zip(words(new)).enumerate() {
                put(packet, offset + 2 * i, new);
                amend(packet, 10, old, new);
                if transport {
                    amend_transport(packet, sum, old, new);
                }
            }
        }
        if transport && self.shift != 0 {
            let at = header + port;
            let old = get(packet, at);
            let new = if port == 0 {
                old.wrapping_add(self.shift)
            } else {
                old.wrapping_sub(self.shift)
            };
            put(packet, at, new);
            amend_transport(packet, sum, old, new);
        }
        true
    }
}

fn address_at(packet: &[u8], offset: usize) -> Option<Ipv4Addr> {
    if packet.len() < 20 || packet[0] >> 4 != 4 {
        return None;
    }
    let octets: [u8; 4] = packet[offset..offset + 4].try_into().ok()?;
    Some(octets.into())
}

fn words(address: Ipv4Addr) -> [u16; 2] {
    let [a, b, c, d] = address.octets();
    [u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])]
}

fn get(packet: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([packet[at], packet[at + 1]])
}

fn put(packet: &mut [u8], at: usize, value: u16) {
    packet[at..at + 2].copy_from_slice(&value.to_be_bytes());
}

/// Corrects the checksum at `at` for one changed word (RFC 1624, equation 3).
fn amend(packet: &mut [u8], at: usize, old: u16, new: u16) {
    let mut sum = u32::from(!get(packet, at)) + u32::from(!old) + u32::from(new);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    put(packet, at, !(sum as u16));
}

/// The same for TCP and UDP, where a UDP checksum of zero means "none".
fn amend_transport(packet: &mut [u8], at: usize, old: u16, new: u16) {
    if packet[9] == UDP && get(packet, at) == 0 {
        return;
    }
    amend(packet, at, old, new);
    if packet[9] == UDP && get(packet, at) == 0 {
        put(packet, at, 0xffff);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
    const B: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 2);
    const SEEN: Ipv4Addr = Ipv4Addr::new(192, 168, 255, 254);

    fn sum(bytes: &[u8], start: u32) -> u16 {
        let mut sum = start;
        for pair in bytes.chunks(2) {
            sum += u32::from(u16::from_be_bytes([pair[0], *pair.get(1).unwrap_or(&0)]));
        }
        while sum > 0xffff {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        !(sum as u16)
    }

    fn transport_sum(packet: &[u8]) -> u16 {
        let pseudo =
            u32::from(!sum(&packet[12..20], 0)) + u32::from(packet[9]) + (packet.len() - 20) as u32;
        sum(&packet[20..], pseudo)
    }

    fn packet(protocol: u8, from: Ipv4Addr, to: Ipv4Addr) -> Vec<u8> {
        let mut packet = vec![0u8; 20 + 20 + 13];
        packet[0] = 0x45;
        packet[9] = protocol;
        packet[12..16].copy_from_slice(&from.octets());
        packet[16..20].copy_from_slice(&to.octets());
        put(&mut packet, 20, 50_000);
        put(&mut packet, 22, 60_001);
        packet[40..].copy_from_slice(b"thirteen here");
        let header = sum(&packet[..20], 0);
        put(&mut packet, 10, header);
        let at = if protocol == TCP { 36 } else { 26 };
        let whole = transport_sum(&packet);
        put(&mut packet, at, whole);
        packet
    }

    fn nat() -> Nat {
        Nat {
            address: Some((A, SEEN)),
            shift: 1000,
        }
    }

    #[test]
    fn there_and_back_keeps_every_checksum_right() {
        for protocol in [TCP, UDP] {
            let mut out = packet(protocol, A, B);
            assert!(nat().outward(&mut out));
            assert_eq!(address_at(&out, 12), Some(SEEN));
            assert_eq!((get(&out, 20), get(&out, 22)), (51_000, 60_001));
            assert_eq!((sum(&out[..20], 0), transport_sum(&out)), (0, 0));

            let mut back = packet(protocol, B, SEEN);
            put(&mut back, 22, 51_000);
            assert!(nat().inward(&mut back));
            assert_eq!(address_at(&back, 16), Some(A));
            assert_eq!(get(&back, 22), 50_000);
        }
    }

    #[test]
    fn the_old_address_is_dead() {
        assert!(!nat().inward(&mut packet(UDP, B, A)));
        assert!(Nat::default().inward(&mut packet(UDP, B, A)));
    }

    #[test]
    fn a_udp_packet_without_checksum_stays_without() {
        let mut bare = packet(UDP, A, B);
        put(&mut bare, 26, 0);
        assert!(nat().outward(&mut bare));
        assert_eq!(get(&bare, 26), 0);
    }

    #[test]
    fn fragments_short_and_foreign_packets_pass_without_panic() {
        let mut fragment = packet(UDP, A, B);
        fragment[7] = 1;
        assert!(nat().outward(&mut fragment));
        assert_eq!(get(&fragment, 20), 50_000);
        for length in 0..53 {
            assert!(nat().outward(&mut packet(TCP, A, B)[..length]));
        }
        assert!(nat().outward(&mut [0x60; 40]));
        assert!(Nat::default().is_idle() && !nat().is_idle());
    }
}
