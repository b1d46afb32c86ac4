//! Any bytes are a preamble or a message, or are refused; what parses survives a round trip.
#![no_main]

use libfuzzer_sys::fuzz_target;
use port_linker_tunnel::wire::{Message, Preamble};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(message) = Message::parse(bytes)
        && let Ok(encoded) = message.encode()
    {
        assert_eq!(Message::parse(&encoded[2..]), Ok(message));
    }
    if let Ok(preamble) = Preamble::parse(bytes)
        && let Ok(encoded) = preamble.encode()
    {
        assert_eq!(Preamble::parse(&encoded[2..]), Ok(preamble));
    }
});
