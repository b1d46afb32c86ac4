//! Much data: as fast as it goes, checked, or not read at all.

use crate::AnyError;
use crate::figures::{BLOCK, count_wrong, list, pattern};
use crate::words::Words;
use socket2::{Domain, Socket, Type};
use std::io::{Read, Write};
use std::net::{Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A count that waits for data looks at the clock so often.
const GLANCE: Duration = Duration::from_millis(50);
/// A thousand connections may come at once; the 128 of the standard library drops them.
const BACKLOG: i32 = 4096;
/// A stalled flow that never begins is an error.
const STALL_LIMIT: Duration = Duration::from_secs(60);

type Job = fn(TcpStream) -> Result<(), AnyError>;
type Flow = fn(SocketAddr, Window) -> Result<[u64; 2], AnyError>;

/// The first `skip` of `length` are counted apart.
#[derive(Clone, Copy)]
pub struct Window {
    length: Duration,
    skip: Duration,
    /// The kernel's congestion control; its default otherwise.
    control: Option<&'static str>,
}

/// Serves each connection on a thread.
pub fn serve(port: u16, job: Job) -> Result<(), AnyError> {
    let socket = Socket::new(Domain::IPV6, Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.bind(&SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)).into())?;
    socket.listen(BACKLOG)?;
    let listener = TcpListener::from(socket);
    println!("ready");
    for tcp in listener.incoming() {
        let tcp = tcp?;
        std::thread::spawn(move || job(tcp));
    }
    Ok(())
}

/// Reads how long and what to skip (two numbers of 8 bytes, ms), counts, and answers both counts.
pub fn sink(mut tcp: TcpStream) -> Result<(), AnyError> {
    let [mut length, mut skip] = [[0; 8]; 2];
    tcp.read_exact(&mut length)?;
    tcp.read_exact(&mut skip)?;
    let [length, skip] = [length, skip].map(|x| Duration::from_millis(u64::from_le_bytes(x)));
    let counts = count(
        &mut tcp,
        Window {
            length,
            skip,
            control: None,
        },
    )?;
    tcp.write_all(&counts.map(u64::to_le_bytes).concat())?;
    let mut rest = vec![0; BLOCK]; // closing now would be a reset that overtakes the answer
    while tcp.read(&mut rest).is_ok_and(|n| n > 0) {}
    Ok(())
}

/// Sends until nobody wants any more.
pub fn source(mut tcp: TcpStream) -> Result<(), AnyError> {
    let block = pattern();
    loop {
        tcp.write_all(&block)?;
    }
}

fn count(tcp: &mut TcpStream, window: Window) -> Result<[u64; 2], AnyError> {
    let mut buffer = vec![0; BLOCK];
    let mut counts = [0; 2];
    let begin = Instant::now();
    tcp.set_read_timeout(Some(GLANCE))?;
    while begin.elapsed() < window.length {
        match tcp.read(&mut buffer) {
            Ok(0) => return Err("the flow has ended".into()),
            Ok(n) => counts[usize::from(begin.elapsed() >= window.skip)] += n as u64,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error.into()),
        }
    }
    tcp.set_read_timeout(None)?;
    Ok(counts)
}

/// One flow up; the receiver counts.
pub fn push(to: SocketAddr, window: Window) -> Result<[u64; 2], AnyError> {
    let mut tcp = TcpStream::connect(to)?;
    if let Some(name) = window.control {
        socket2::SockRef::from(&tcp).set_tcp_congestion(name.as_bytes())?;
    }
    let numbers = [window.length, window.skip].map(|x| (x.as_millis() as u64).to_le_bytes());
    tcp.write_all(&numbers.concat())?;
    let mut writer = tcp.try_clone()?;
    let writing = std::thread::spawn(move || {
        let block = pattern();
        while writer.write_all(&block).is_ok() {}
    });
    let [mut early, mut late] = [[0; 8]; 2];
    tcp.read_exact(&mut early)?;
    tcp.read_exact(&mut late)?;
    tcp.shutdown(std::net::Shutdown::Both)?;
    let _ = writing.join();
    Ok([early, late].map(u64::from_le_bytes))
}

/// One flow down.
pub fn pull(to: SocketAddr, window: Window) -> Result<[u64; 2], AnyError> {
    count(&mut TcpStream::connect(to)?, window)
}

/// Runs several flows and prints the rates before and after the skip, in bit/s.
pub fn run(mut words: Words, flow: Flow) -> Result<(), AnyError> {
    let to = words.address()?;
    let flows: usize = words.take()?;
    let [length, skip] = [words.seconds()?, words.seconds()?];
    if skip >= length {
        return Err("nothing is left after the skip".into());
    }
    let control = match words.take::<String>().as_deref() {
        Ok("cubic") => Some("cubic"),
        Ok("bbr") => Some("bbr"),
        _ => None,
    };
    let window = Window {
        length,
        skip,
        control,
    };
    type Running = JoinHandle<Result<[u64; 2], AnyError>>;
    let running: Vec<Running> = (0..flows)
        .map(|_| std::thread::spawn(move || flow(to, window)))
        .collect();
    let mut each = Vec::new();
    let mut early = 0;
    for thread in running {
        let counts = thread.join().map_err(|_| "a flow broke off")??;
        early += counts[0];
        each.push(counts[1] as f64 * 8.0 / (length - skip).as_secs_f64());
    }
    let early = early as f64 * 8.0 / skip.as_secs_f64().max(1e-9);
    let late: f64 = each.iter().sum();
    println!(
        r#"{{"early":{early:.0},"late":{late:.0},"each":{}}}"#,
        list(&each)
    );
    Ok(())
}

/// Downloads, checks each byte, and prints when there was progress (seconds of the Unix time).
pub fn watch(mut words: Words) -> Result<(), AnyError> {
    let mut tcp = TcpStream::connect(words.address()?)?;
    let length = words.seconds()?;
    tcp.set_read_timeout(Some(GLANCE))?;
    let mut buffer = vec![0; BLOCK];
    let (mut total, mut wrong, mut times) = (0usize, 0usize, Vec::new());
    let begin = Instant::now();
    while begin.elapsed() < length {
        let n = match tcp.read(&mut buffer) {
            Ok(0) => return Err("the flow has ended".into()),
            Ok(n) => n,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => continue,
            Err(error) => return Err(error.into()),
        };
        wrong += count_wrong(total, &buffer[..n]);
        total += n;
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs_f64();
        if times.last().is_none_or(|last| now - last >= 0.002) {
            times.push(now);
        }
    }
    println!(
        r#"{{"bytes":{total},"wrong":{wrong},"times":{}}}"#,
        list(&times)
    );
    Ok(())
}

/// Opens downloads that nobody reads, says "ready" when each has sent its first byte (what is still
/// in the service's backlog would fill up beside the measurement), and holds them until stdin ends.
pub fn stall(mut words: Words) -> Result<(), AnyError> {
    let to = words.address()?;
    let count: usize = words.take()?;
    let held: Result<Vec<_>, _> = (0..count).map(|_| TcpStream::connect(to)).collect();
    let mut held = held?;
    for tcp in &mut held {
        tcp.set_read_timeout(Some(STALL_LIMIT))?;
        tcp.read_exact(&mut [0])?;
    }
    println!("ready");
    std::io::stdin().read_to_end(&mut Vec::new())?;
    drop(held);
    Ok(())
}
