use super::*;
use proptest::prelude::*;

fn long_packet(id: &[u8]) -> Vec<u8> {
    let mut packet = vec![0xc0, 0, 0, 0, 1, id.len() as u8];
    packet.extend_from_slice(id);
    packet.extend_from_slice(&[0; 100]);
    packet
}

fn short_packet(id: &[u8]) -> Vec<u8> {
    [&[0x40], id, &[0; 30]].concat()
}

#[test]
fn an_announced_id_passes_until_it_is_used() {
    let gate = Gate::default();
    gate.announce([5; ANNOUNCED_ID_BYTES]);
    assert!(gate.is_open_for(&long_packet(&[5; ANNOUNCED_ID_BYTES])));
    assert!(!gate.is_open_for(&long_packet(&[6; ANNOUNCED_ID_BYTES])));
    assert!(gate.consume(&[5; ANNOUNCED_ID_BYTES]));
    assert!(!gate.consume(&[5; ANNOUNCED_ID_BYTES]));
    assert!(!gate.is_open_for(&long_packet(&[5; ANNOUNCED_ID_BYTES])));
}

#[test]
fn our_own_ids_pass_in_both_forms() {
    let gate = Gate::default();
    let mut ids = GateIds::new(gate.clone());
    let id = quinn::ConnectionIdGenerator::generate_cid(&mut ids);
    assert!(gate.is_open_for(&long_packet(&id)));
    assert!(gate.is_open_for(&short_packet(&id)));
    assert!(!gate.is_open_for(&short_packet(&[9; OWN_ID_BYTES])));
}

#[test]
fn another_version_is_not_even_answered() {
    let gate = Gate::default();
    gate.announce([5; ANNOUNCED_ID_BYTES]);
    let mut packet = long_packet(&[5; ANNOUNCED_ID_BYTES]);
    packet[4] = 2;
    assert!(!gate.is_open_for(&packet));
}

#[test]
fn the_gate_remembers_a_bounded_number() {
    let gate = Gate::default();
    for n in 0..10_000u64 {
        gate.issue(n.to_le_bytes());
    }
    assert_eq!(gate.known().own.len(), MAX_OWN);
}

proptest! {
    #[test]
    fn garbage_never_passes(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        let gate = Gate::default();
        gate.issue([1; OWN_ID_BYTES]);
        gate.announce([2; ANNOUNCED_ID_BYTES]);
        prop_assume!(destination_id(&bytes) != Some(&[1; OWN_ID_BYTES]));
        prop_assert!(!gate.is_open_for(&bytes));
    }
}
