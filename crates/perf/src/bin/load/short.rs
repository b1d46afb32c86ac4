//! Little data: connections of one byte, and the round trip of a byte.

use crate::AnyError;
use crate::figures::list;
use crate::words::Words;
use std::net::{Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;

const PATIENCE: Duration = Duration::from_secs(20);
const TALK_EVERY: Duration = Duration::from_millis(50);

fn block_on<T>(work: impl Future<Output = Result<T, AnyError>>) -> Result<T, AnyError> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(work)
}

/// Echoes on any number of connections.
pub fn serve(port: u16) -> Result<(), AnyError> {
    block_on(async {
        let socket = TcpSocket::new_v6()?;
        socket.set_reuseaddr(true)?;
        socket.bind((Ipv6Addr::UNSPECIFIED, port).into())?;
        let listener = socket.listen(4096)?;
        println!("ready");
        loop {
            let (tcp, _) = listener.accept().await?;
            tokio::spawn(echo(tcp));
        }
    })
}

async fn echo(mut tcp: TcpStream) -> std::io::Result<()> {
    tcp.set_nodelay(true)?;
    let mut buffer = [0; 2048];
    loop {
        match tcp.read(&mut buffer).await? {
            0 => return Ok(()),
            n => tcp.write_all(&buffer[..n]).await?,
        }
    }
}

/// Connects, sends a byte, waits for it; the seconds that took.
async fn once(to: SocketAddr) -> Result<f64, AnyError> {
    let begin = Instant::now();
    let work = async {
        let mut tcp = TcpStream::connect(to).await?;
        tcp.set_nodelay(true)?;
        byte(&mut tcp).await
    };
    tokio::time::timeout(PATIENCE, work).await??;
    Ok(begin.elapsed().as_secs_f64())
}

async fn byte(tcp: &mut TcpStream) -> Result<(), AnyError> {
    tcp.write_all(b"x").await?;
    match tcp.read_u8().await? {
        b'x' => Ok(()),
        _ => Err("another byte came back".into()),
    }
}

pub fn ping(mut words: Words) -> Result<(), AnyError> {
    let (to, count): (_, usize) = (words.address()?, words.take()?);
    let mut took = Vec::new();
    for _ in 0..count {
        took.push(block_on(once(to))?);
    }
    println!("{}", list(&took));
    Ok(())
}

pub fn burst(mut words: Words) -> Result<(), AnyError> {
    let (to, count): (_, usize) = (words.address()?, words.take()?);
    let took = block_on(async {
        let mut running: JoinSet<_> = (0..count).map(|_| once(to)).collect();
        let mut took = Vec::new();
        while let Some(done) = running.join_next().await {
            took.push(done??);
        }
        Ok(took)
    })?;
    println!("{}", list(&took));
    Ok(())
}

pub fn short(mut words: Words) -> Result<(), AnyError> {
    let to = words.address()?;
    let (count, at_once): (usize, usize) = (words.take()?, words.take()?);
    let begin = Instant::now();
    let failed = block_on(async {
        let mut running = JoinSet::new();
        let (mut begun, mut failed) = (0, 0);
        while begun < count || !running.is_empty() {
            while begun < count && running.len() < at_once {
                running.spawn(once(to));
                begun += 1;
            }
            if let Some(done) = running.join_next().await {
                failed += usize::from(done?.is_err());
            }
        }
        Ok(failed)
    })?;
    println!(
        r#"{{"seconds":{},"failed":{failed}}}"#,
        begin.elapsed().as_secs_f64()
    );
    Ok(())
}

/// The round trips of a byte on one connection.
pub fn talk(mut words: Words) -> Result<(), AnyError> {
    let to = words.address()?;
    let length = words.seconds()?;
    let took = block_on(async {
        let mut tcp = TcpStream::connect(to).await?;
        tcp.set_nodelay(true)?;
        let (begin, mut took) = (Instant::now(), Vec::new());
        while begin.elapsed() < length {
            let sent = Instant::now();
            byte(&mut tcp).await?;
            took.push(sent.elapsed().as_secs_f64());
            tokio::time::sleep(TALK_EVERY).await;
        }
        Ok(took)
    })?;
    println!("{}", list(&took));
    Ok(())
}
