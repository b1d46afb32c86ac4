//! The kernel's TCP, with the congestion control that the order names.

use crate::bulk::{self, Order, Report};
use crate::{AnyError, PORT};
use socket2::SockRef;
use std::net::{Ipv4Addr, SocketAddr};
use tokio::net::{TcpListener, TcpStream};

pub async fn serve() -> Result<(), AnyError> {
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, PORT)).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        let (r, w) = stream.into_split();
        tokio::spawn(bulk::serve(r, w, |_, w, cc| choose(w.as_ref(), cc)));
    }
}

pub async fn run(to: SocketAddr, order: Order, report: Report) -> Result<(), AnyError> {
    let stream = TcpStream::connect(to).await?;
    choose(&stream, &order.cc);
    let (r, w) = stream.into_split();
    bulk::run(r, w, order, report).await
}

fn choose(stream: &TcpStream, cc: &str) {
    if let Err(error) = SockRef::from(stream).set_tcp_congestion(cc.as_bytes()) {
        eprintln!("congestion control {cc}: {error}");
    }
}
