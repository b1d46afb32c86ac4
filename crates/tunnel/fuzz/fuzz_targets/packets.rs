//! Any UDP payload passes the gate only by an id that it knows, and is no probe without the key.
#![no_main]

use libfuzzer_sys::fuzz_target;
use port_linker_tunnel::control::parse_command;
use port_linker_tunnel::gate::Gate;
use port_linker_tunnel::probe::Prober;

fuzz_target!(|bytes: &[u8]| {
    assert!(!Gate::default().is_open_for(bytes));
    assert_eq!(Prober::new(&[1; 32]).read(bytes), None);
    let _ = parse_command(bytes);
});
