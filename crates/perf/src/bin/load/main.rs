//! The ends of a measurement through tunnels: servers, and loads that print one line of JSON.
//!
//! ```text
//! load sink|source|echo PORT                     servers; they say "ready"; echo: TCP and UDP
//! load up|down IP PORT FLOWS SECONDS SKIP [CC]   bytes before and after the first SKIP seconds
//! load watch IP PORT SECONDS                     a checked download, with the time of each piece
//! load ping IP PORT COUNT                        connect and a byte there and back, one by one
//! load burst IP PORT COUNT                       the same, all at once
//! load short IP PORT COUNT AT_ONCE               the same, many: how long in all, how many failed
//! load talk IP PORT SECONDS                      a byte there and back on one connection, 20/s
//! load udp IP PORT PER_S SECONDS BYTES           an echo of datagrams
//! load stall IP PORT COUNT                       downloads that nobody reads, until stdin ends
//! load garbage IP PORT PER_S SECONDS             datagrams of noise
//! ```

mod bulk;
mod figures;
mod short;
mod udp;
mod words;

use words::Words;

pub type AnyError = Box<dyn std::error::Error + Send + Sync>;

fn main() -> Result<(), AnyError> {
    let mut words = Words::new(std::env::args().skip(1));
    let verb: String = words.take()?;
    match verb.as_str() {
        "sink" => bulk::serve(words.take()?, bulk::sink),
        "source" => bulk::serve(words.take()?, bulk::source),
        "up" => bulk::run(words, bulk::push),
        "down" => bulk::run(words, bulk::pull),
        "watch" => bulk::watch(words),
        "stall" => bulk::stall(words),
        "udp" => udp::run(words),
        "garbage" => udp::garbage(words),
        "echo" => {
            let port = words.take()?;
            let echo = udp::echo_socket(port)?;
            std::thread::spawn(move || udp::echo(&echo));
            short::serve(port)
        }
        "ping" => short::ping(words),
        "burst" => short::burst(words),
        "short" => short::short(words),
        "talk" => short::talk(words),
        _ => Err(format!("no such verb: {verb}").into()),
    }
}
