//! Datagrams: an echo at a steady rate, and noise.

use crate::AnyError;
use crate::figures::quantile_ms;
use crate::words::Words;
use std::net::{Ipv6Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

/// What comes later than this after the last one was sent is lost.
const GRACE: Duration = Duration::from_secs(1);
const BUFFER: usize = 4 << 20;
const STEP: Duration = Duration::from_micros(200);

fn bound(to: SocketAddr) -> Result<UdpSocket, AnyError> {
    let any = if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(any)?;
    socket2::SockRef::from(&socket).set_recv_buffer_size(BUFFER)?;
    socket.connect(to)?;
    Ok(socket)
}

pub fn echo_socket(port: u16) -> Result<UdpSocket, AnyError> {
    let socket = UdpSocket::bind((Ipv6Addr::UNSPECIFIED, port))?;
    socket2::SockRef::from(&socket).set_recv_buffer_size(BUFFER)?;
    Ok(socket)
}

/// Sends back what comes, for ever.
pub fn echo(socket: &UdpSocket) {
    let mut buffer = [0; 65_536];
    loop {
        if let Ok((n, from)) = socket.recv_from(&mut buffer) {
            let _ = socket.send_to(&buffer[..n], from);
        }
    }
}

/// Calls `send` with 0, 1, 2… at a steady rate.
fn pace(per_s: f64, length: Duration, mut send: impl FnMut(u64)) -> u64 {
    let (begin, mut sent) = (Instant::now(), 0);
    while begin.elapsed() < length {
        while (sent as f64) < begin.elapsed().as_secs_f64() * per_s {
            send(sent);
            sent += 1;
        }
        std::thread::sleep(STEP);
    }
    sent
}

/// Prints how many were sent and came back, and the quantiles of the time that took.
pub fn run(mut words: Words) -> Result<(), AnyError> {
    let socket = bound(words.address()?)?;
    let per_s: f64 = words.take()?;
    let length = words.seconds()?;
    let size: usize = words.take::<usize>()?.max(8); // the time is in it
    socket.set_read_timeout(Some(GRACE))?;
    let (reader, epoch) = (socket.try_clone()?, Instant::now());
    let reading = std::thread::spawn(move || {
        let (mut buffer, mut took) = ([0; 65_536], Vec::new());
        while let Ok(n) = reader.recv(&mut buffer) {
            let mut sent = [0; 8];
            if n == size {
                sent.copy_from_slice(&buffer[..8]);
                let nanos = epoch.elapsed().as_nanos() as u64;
                took.push(nanos.saturating_sub(u64::from_le_bytes(sent)));
            }
        }
        took
    });
    let mut packet = vec![7; size];
    let sent = pace(per_s, length, |_| {
        packet[..8].copy_from_slice(&(epoch.elapsed().as_nanos() as u64).to_le_bytes());
        let _ = socket.send(&packet);
    });
    let mut took = reading.join().map_err(|_| "the reader broke off")?;
    took.sort_unstable();
    println!(
        r#"{{"sent":{sent},"received":{},"p50":{:.3},"p99":{:.3}}}"#,
        took.len(),
        quantile_ms(&took, 0.5),
        quantile_ms(&took, 0.99)
    );
    Ok(())
}

/// Sends noise: long and short headers of QUIC, and bytes that are neither.
pub fn garbage(mut words: Words) -> Result<(), AnyError> {
    let socket = bound(words.address()?)?;
    let per_s: f64 = words.take()?;
    let length = words.seconds()?;
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut packet = [0; 1200];
    let sent = pace(per_s, length, |number| {
        for byte in packet.iter_mut().take(64) {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            *byte = state as u8;
        }
        if number % 3 == 0 {
            packet[..5].copy_from_slice(&[0xc3, 0, 0, 0, 1]);
        }
        let _ = socket.send(&packet);
    });
    println!(r#"{{"sent":{sent}}}"#);
    Ok(())
}
