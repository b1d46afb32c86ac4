//! Figures without Python: two sidecars in two network namespaces, and a load through them.
//!
//! `cargo run --release --example pair -- run BINARY [congestion [load]]` as root. Makes the namespaces
//! plt-host and plt-target with a veth pair between, and removes them. The other words are what it
//! starts inside: `serve` (sink 9001, source 9002, echo 9003), and the loads.

#![allow(clippy::expect_used, clippy::panic)] // a laboratory tool: it stops at the first surprise

mod control;
mod lab;
mod load;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["run", binary, rest @ ..] => lab::run(
            binary,
            rest.first().copied().unwrap_or("adaptive"),
            rest.get(1).copied().unwrap_or(""),
        ),
        ["serve", ip] => load::serve(ip),
        ["up", to, flows, seconds] => load::bulk(to, flows, seconds, true),
        ["down", to, flows, seconds] => load::bulk(to, flows, seconds, false),
        ["short", to, count, at_once] => load::short(to, count, at_once),
        ["stall", to, count, seconds] => load::stall(to, count, seconds),
        _ => eprintln!("usage: pair run BINARY [congestion [load]]"),
    }
}
