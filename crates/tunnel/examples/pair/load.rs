//! Servers and loads: bulk both ways, short connections, readers that have stopped.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

pub fn serve(ip: &str) {
    let jobs: [(u16, fn(TcpStream)); 3] = [(9001, sink), (9002, source), (9003, echo)];
    let threads: Vec<_> = jobs
        .into_iter()
        .map(|(port, job)| {
            let listener = TcpListener::bind((ip, port)).expect("a free port");
            std::thread::spawn(move || {
                for tcp in listener.incoming().flatten() {
                    std::thread::spawn(move || job(tcp));
                }
            })
        })
        .collect();
    for thread in threads {
        let _ = thread.join();
    }
}

fn sink(mut tcp: TcpStream) {
    let mut buffer = vec![0; 256 * 1024];
    while tcp.read(&mut buffer).is_ok_and(|n| n > 0) {}
    let _ = tcp.write_all(b"k");
}

fn source(mut tcp: TcpStream) {
    let buffer = vec![7; 256 * 1024];
    while tcp.write_all(&buffer).is_ok() {}
}

fn echo(mut tcp: TcpStream) {
    let mut byte = [0; 16];
    while let Ok(n) = tcp.read(&mut byte) {
        if n == 0 || tcp.write_all(&byte[..n]).is_err() {
            break;
        }
    }
}

static BYTES: AtomicU64 = AtomicU64::new(0);

pub fn bulk(to: &str, flows: &str, seconds: &str, is_up: bool) {
    let flows: usize = flows.parse().expect("a number");
    let seconds: u64 = seconds.parse().expect("a number");
    let until = Instant::now() + Duration::from_secs(seconds);
    let threads: Vec<_> = (0..flows)
        .map(|_| {
            let mut tcp = TcpStream::connect(to).expect("a connection");
            std::thread::spawn(move || {
                let mut buffer = vec![1; 256 * 1024];
                while Instant::now() < until {
                    let n = if is_up {
                        tcp.write(&buffer)
                    } else {
                        tcp.read(&mut buffer)
                    };
                    BYTES.fetch_add(n.expect("bytes") as u64, Relaxed);
                }
            })
        })
        .collect();
    std::thread::sleep(Duration::from_secs(1));
    let (before, start) = (BYTES.load(Relaxed), Instant::now());
    for thread in threads {
        let _ = thread.join();
    }
    let bits = (BYTES.load(Relaxed) - before) as f64 * 8.0;
    let way = if is_up { "up" } else { "down" };
    println!(
        "{way:5} {flows} flows: {:.2} Gbit/s",
        bits / start.elapsed().as_secs_f64() / 1e9
    );
}

pub fn short(to: &str, count: &str, at_once: &str) {
    let count: u64 = count.parse().expect("a number");
    let at_once: u64 = at_once.parse().expect("a number");
    let (next, failed) = (AtomicU64::new(0), AtomicU64::new(0));
    let start = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..at_once {
            scope.spawn(|| {
                while next.fetch_add(1, Relaxed) < count {
                    let once = || -> std::io::Result<()> {
                        let mut tcp = TcpStream::connect(to)?;
                        tcp.write_all(b"x")?;
                        tcp.read_exact(&mut [0])
                    };
                    if once().is_err() {
                        failed.fetch_add(1, Relaxed);
                    }
                }
            });
        }
    });
    let rate = count as f64 / start.elapsed().as_secs_f64();
    println!(
        "short {count} connections: {rate:.0}/s, {} failed",
        failed.load(Relaxed)
    );
}

/// Open flows that never read beside one that does, and compare it with the one alone.
pub fn stall(to: &str, count: &str, seconds: &str) {
    let count: usize = count.parse().expect("a number");
    bulk(to, "1", seconds, false);
    let open = |_| {
        std::thread::sleep(Duration::from_millis(2)); // the servers' backlog is 128
        TcpStream::connect(to).expect("a connection")
    };
    let stalled: Vec<_> = (0..count).map(open).collect();
    // Until all buffers on the way are full, half a megabyte a flow, also on a busy machine.
    std::thread::sleep(Duration::from_secs(5 + count as u64 / 50));
    BYTES.store(0, Relaxed);
    bulk(to, "1", seconds, false);
    std::thread::sleep(Duration::from_secs(1));
    println!("       with {} stalled", stalled.len());
    // The harness reads the memory now: hold the flows until it has.
    let _ = std::io::stdout().flush();
    report_memory();
}

fn report_memory() {
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let path = entry.path();
        if std::fs::read_to_string(path.join("comm"))
            .is_ok_and(|name| name.starts_with("port-linker-tun"))
        {
            let statm = std::fs::read_to_string(path.join("statm")).unwrap_or_default();
            let pages: f64 = statm
                .split(' ')
                .nth(1)
                .and_then(|n| n.parse().ok())
                .unwrap_or(0.0);
            println!(
                "       resident while stalled: {:.0} MB",
                pages * 4096.0 / 1e6
            );
        }
    }
}
