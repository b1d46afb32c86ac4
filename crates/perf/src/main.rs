//! Measures congestion control between two machines or namespaces. Not shipped.
//!
//! ```text
//! port-linker-perf serve [--cc NAME]             QUIC and TCP on port 7000
//! port-linker-perf up|down IP [options]          bulk; Mbit/s as the receiver sees them
//! port-linker-perf mix IP [--way up|down]        bulk beside ping-pong on one connection
//!   --cc steady|cubic|bbr|newreno    of QUIC, on this side (the server has its own)
//!   --tcp cubic|bbr|reno             kernel TCP in place of QUIC, both sides
//!   --seconds N (8)  --skip N (3)  --connections N (1)  --streams N (1)
//! ```

mod args;
mod bulk;
mod quic;
mod tcp;

use args::{Args, parse};
use bulk::{Order, Report};
use std::net::SocketAddr;
use std::time::Duration;

pub const PORT: u16 = 7000;
pub type AnyError = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), AnyError> {
    let args = parse(std::env::args().skip(1))?;
    match args.verb.as_str() {
        "serve" => tokio::try_join!(quic::serve(&args.cc), tcp::serve()).map(|_| ()),
        "up" | "down" => bulk(&args).await,
        "mix" => mix(&args).await,
        verb => Err(format!("no such verb: {verb}").into()),
    }
}

fn server(args: &Args) -> Result<SocketAddr, AnyError> {
    Ok(SocketAddr::new(args.to.ok_or("to which address?")?, PORT))
}

async fn bulk(args: &Args) -> Result<(), AnyError> {
    let to = server(args)?;
    let report = Report::new(args.seconds, args.skip);
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..args.connections {
        let order = Order {
            up: args.verb == "up",
            seconds: args.seconds,
            cc: args.tcp.clone().unwrap_or_default(),
        };
        match &args.tcp {
            Some(_) => {
                tasks.spawn(tcp::run(to, order, report.clone()));
            }
            None => {
                let connection = quic::connect(to, &args.cc).await?;
                for _ in 0..args.streams {
                    tasks.spawn(quic::run(connection.clone(), order.clone(), report.clone()));
                }
            }
        }
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    println!("{}", report.show());
    Ok(())
}

/// Round trips of a small message: two seconds alone, then beside bulk on the same connection.
async fn mix(args: &Args) -> Result<(), AnyError> {
    let to = server(args)?;
    let connection = quic::connect(to, &args.cc).await?;
    let idle = quic::ping(&connection, Duration::from_secs(2)).await?;
    let order = Order {
        up: args.way == "up",
        seconds: args.seconds,
        cc: String::new(),
    };
    let report = Report::new(args.seconds, args.skip);
    let bulk = tokio::spawn(quic::run(connection.clone(), order, report.clone()));
    let busy = quic::ping(&connection, Duration::from_secs(args.seconds)).await?;
    bulk.await??;
    println!("idle {}", bulk::quantiles(idle));
    println!("busy {}", bulk::quantiles(busy));
    println!("{}", report.show());
    Ok(())
}
