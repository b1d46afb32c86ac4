//! What goes over a stream, QUIC or TCP alike, and what is counted.
//!
//! The client sends one order line. Up: the client writes, the server answers with a byte count
//! (8 bytes, big endian) every tenth of a second. Down: the server writes. Ping: it echoes.

use crate::AnyError;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, interval, timeout_at};

const CHUNK: usize = 256 << 10;
const TENTH: Duration = Duration::from_millis(100);

#[derive(Clone, Debug)]
pub struct Order {
    pub up: bool,
    pub seconds: u64,
    /// The kernel's congestion control for TCP, by its name.
    pub cc: String,
}

impl Order {
    pub fn line(&self) -> String {
        let way = if self.up { "up" } else { "down" };
        format!("{way} {} {}\n", self.seconds, self.cc)
    }
}

/// Bytes that arrived, by tenth of a second since the start.
#[derive(Clone)]
pub struct Report {
    tenths: Arc<Mutex<Vec<u64>>>,
    start: Instant,
    skip: u64,
}

impl Report {
    pub fn new(seconds: u64, skip: u64) -> Self {
        Self {
            tenths: Arc::new(Mutex::new(vec![0; seconds as usize * 10])),
            start: Instant::now(),
            skip,
        }
    }

    fn add(&self, bytes: u64) {
        let tenth = self.start.elapsed().as_millis() as usize / 100;
        if let Ok(mut tenths) = self.tenths.lock()
            && let Some(slot) = tenths.get_mut(tenth)
        {
            *slot += bytes;
        }
    }

    pub fn show(&self) -> String {
        let tenths = self.tenths.lock().map(|t| t.clone()).unwrap_or_default();
        let mbit = |part: &[u64]| {
            part.iter().sum::<u64>() as f64 * 8e-6 / (part.len().max(1) as f64 / 10.0)
        };
        let seconds: Vec<String> = tenths
            .chunks(10)
            .map(|s| format!("{:.0}", mbit(s)))
            .collect();
        let cut = (self.skip as usize * 10).min(tenths.len());
        format!(
            "first {:.1} after {:.1} Mbit/s [{}]",
            mbit(&tenths[..cut]),
            mbit(&tenths[cut..]),
            seconds.join(" ")
        )
    }
}

pub fn quantiles(mut times: Vec<Duration>) -> String {
    times.sort();
    let at = |q: f64| {
        let i = ((times.len().max(1) - 1) as f64 * q).round() as usize;
        times.get(i).map_or(0.0, |t| t.as_secs_f64() * 1e3)
    };
    format!(
        "n {} p50 {:.1} p90 {:.1} p99 {:.1} max {:.1} ms",
        times.len(),
        at(0.5),
        at(0.9),
        at(0.99),
        at(1.0)
    )
}

/// The client's half.
pub async fn run<R, W>(mut r: R, mut w: W, order: Order, report: Report) -> Result<(), AnyError>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    w.write_all(order.line().as_bytes()).await?;
    let end = Instant::now() + Duration::from_secs(order.seconds);
    if order.up {
        tokio::select! {
            _ = timeout_at(end, fill(&mut w)) => {}
            _ = counts(&mut r, &report) => {}
        }
    } else {
        let mut buffer = vec![0; CHUNK];
        while let Ok(Ok(n @ 1..)) = timeout_at(end, r.read(&mut buffer)).await {
            report.add(n as u64);
        }
    }
    Ok(())
}

async fn fill<W: AsyncWrite + Unpin>(w: &mut W) {
    let chunk = vec![0x5a; CHUNK];
    while w.write_all(&chunk).await.is_ok() {}
}

async fn counts<R: AsyncRead + Unpin>(r: &mut R, report: &Report) {
    while let Ok(bytes) = r.read_u64().await {
        report.add(bytes);
    }
}

/// The server's half. The words of the order are given to `prepare` before the bytes begin.
pub async fn serve<R, W>(mut r: R, mut w: W, prepare: impl Fn(&R, &W, &str)) -> Result<(), AnyError>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let mut line = Vec::new();
    while line.last() != Some(&b'\n') && line.len() < 100 {
        line.push(r.read_u8().await?);
    }
    let line = String::from_utf8(line)?;
    let words: Vec<&str> = line.split_whitespace().collect();
    if let Some(cc) = words.get(2) {
        prepare(&r, &w, cc);
    }
    match words.as_slice() {
        ["up", ..] => count(&mut r, &mut w).await,
        ["down", seconds, ..] => {
            let end = Instant::now() + Duration::from_secs(seconds.parse()?);
            let _ = timeout_at(end, fill(&mut w)).await;
            Ok(())
        }
        ["ping", ..] => echo(&mut r, &mut w).await,
        _ => Err(format!("no such order: {line:?}").into()),
    }
}

async fn count<R, W>(r: &mut R, w: &mut W) -> Result<(), AnyError>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let mut buffer = vec![0; CHUNK];
    let mut total = 0u64;
    let mut tick = interval(TENTH);
    loop {
        tokio::select! {
            n = r.read(&mut buffer) => match n? {
                0 => return Ok(()),
                n => total += n as u64,
            },
            _ = tick.tick() => w.write_u64(std::mem::take(&mut total)).await?,
        }
    }
}

async fn echo<R, W>(r: &mut R, w: &mut W) -> Result<(), AnyError>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let mut buffer = [0; 1024];
    loop {
        match r.read(&mut buffer).await? {
            0 => return Ok(()),
            n => w.write_all(&buffer[..n]).await?,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::duplex;

    #[tokio::test(start_paused = true)]
    async fn bytes_are_counted_in_their_tenth_and_the_first_seconds_apart() {
        let report = Report::new(2, 1);
        report.add(1_000_000);
        tokio::time::advance(Duration::from_millis(1500)).await;
        report.add(250_000);
        tokio::time::advance(Duration::from_secs(5)).await;
        report.add(9); // after the end
        assert_eq!(report.show(), "first 8.0 after 2.0 Mbit/s [8 2]");
    }

    #[test]
    fn a_skip_beyond_the_end_leaves_nothing() {
        assert_eq!(Report::new(1, 5).show(), "first 0.0 after 0.0 Mbit/s [0]");
    }

    #[test]
    fn quantiles_need_no_order_and_no_number() {
        let times = (1..=101).rev().map(Duration::from_millis).collect();
        let words = "n 101 p50 51.0 p90 91.0 p99 100.0 max 101.0 ms";
        assert_eq!(quantiles(times), words);
        assert!(quantiles(vec![]).starts_with("n 0 p50 0.0"));
    }

    /// What the server answers to these bytes, and how it ends.
    async fn answer(bytes: &[u8]) -> (Vec<u8>, Result<(), AnyError>) {
        let (mut ours, theirs) = duplex(1 << 20);
        let (r, w) = tokio::io::split(theirs);
        ours.write_all(bytes).await.unwrap();
        ours.shutdown().await.unwrap();
        let served = serve(r, w, |_, _, _| ()).await;
        let mut got = Vec::new();
        ours.read_to_end(&mut got).await.unwrap();
        (got, served)
    }

    #[tokio::test]
    async fn a_ping_comes_back() {
        let (got, served) = answer(b"ping\nabc").await;
        assert_eq!(got, b"abc");
        served.unwrap();
    }

    #[tokio::test]
    async fn what_is_no_order_is_refused() {
        let long = vec![b'x'; 200];
        for bytes in [
            &b"dance\n"[..],
            b"\n",
            b"down soon\n",
            b"up",
            b"\xff\n",
            &long,
        ] {
            assert!(answer(bytes).await.1.is_err(), "{bytes:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_upload_is_counted_by_the_one_who_gets_it() {
        let order = Order {
            up: true,
            seconds: 1,
            cc: "reno".into(),
        };
        assert_eq!(order.line(), "up 1 reno\n");
        let (got, served) =
            answer(format!("{}{}", order.line(), "x".repeat(1000)).as_bytes()).await;
        assert!(got.len() % 8 == 0 && served.is_ok());
    }
}
