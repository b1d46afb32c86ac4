//! Copy from the stream to the application's socket.

use std::collections::VecDeque;
use std::io::{self, IoSlice, Write};

use bytes::{Buf, Bytes, BytesMut};
use quinn::{ReadError, RecvStream};
use socket2::SockRef;
use tokio::net::TcpStream;

use super::application::Application;
use super::buffers::Growth;
use super::flows::Flow;
use crate::error::FlowEnd;

/// Chunks (packets' payloads) written with one system call: about 90 KB.
const CHUNKS: usize = 64;

/// How copying ended.
pub enum Received {
    /// Our application has all that the peer's sent, and its FIN if there was one.
    All,
    /// Our application takes no more.
    Gone,
}

/// Why no more is written: our application, or the whole flow.
enum Halt {
    Local(io::Error),
    Flow(FlowEnd),
}

impl From<FlowEnd> for Halt {
    fn from(end: FlowEnd) -> Self {
        Self::Flow(end)
    }
}

/// Copy until the stream's end. A FIN is passed on; a reset is left to the caller.
pub async fn run_receive(
    flow: &Flow,
    recv: &mut RecvStream,
    app: &Application,
) -> Result<Received, FlowEnd> {
    let mut incoming = Incoming::new(flow, recv);
    match copy(flow, &mut incoming, &app.tcp).await {
        Ok(()) => {
            if incoming.end == Some(End::Fin) {
                let _ = SockRef::from(&app.tcp).shutdown(std::net::Shutdown::Write);
            }
            Ok(Received::All)
        }
        Err(Halt::Local(error)) => {
            app.note_failure(&error);
            Ok(Received::Gone)
        }
        Err(Halt::Flow(end)) => Err(end),
    }
}

async fn copy(flow: &Flow, incoming: &mut Incoming<'_>, tcp: &TcpStream) -> Result<(), Halt> {
    let mut growth = Growth::send();
    while let Some(chunks) = incoming.next().await? {
        let written = write_now(flow, chunks, tcp)?;
        if written < chunks.len() {
            let mut backlog = Backlog::new(flow);
            backlog.extend(&mut chunks[written..])?;
            backlog.drain(incoming, tcp).await?;
        }
        growth.reach(tcp, incoming.offset);
    }
    Ok(())
}

/// How a stream ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Fin,
    Reset,
}

/// The chunks that come from the peer.
struct Incoming<'a> {
    flow: &'a Flow,
    recv: &'a mut RecvStream,
    chunks: [Bytes; CHUNKS],
    offset: u64,
    end: Option<End>,
}

impl<'a> Incoming<'a> {
    fn new(flow: &'a Flow, recv: &'a mut RecvStream) -> Self {
        Self {
            flow,
            recv,
            chunks: [const { Bytes::new() }; CHUNKS],
            offset: 0,
            end: None,
        }
    }

    /// Return the next chunks; None at the end, at each further call too. Cancel-safe.
    async fn next(&mut self) -> Result<Option<&mut [Bytes]>, FlowEnd> {
        if self.end.is_some() {
            return Ok(None);
        }
        let read = tokio::select! {
            biased;
            read = self.recv.read_chunks(&mut self.chunks) => read.map_err(|error| read_end(&error))?,
            () = self.flow.peer().ends(self.offset) => {
                self.end = Some(End::Reset);
                return Ok(None);
            }
        };
        let Some(count) = read else {
            self.end = Some(End::Fin);
            return Ok(None);
        };
        let chunks = &mut self.chunks[..count];
        self.offset += chunks.iter().map(|chunk| chunk.len() as u64).sum::<u64>();
        Ok(Some(chunks))
    }
}

/// Write until the socket is full; return how many chunks are done with. Not through tokio, which
/// has not yet learned that a fresh socket is writable.
fn write_now(flow: &Flow, chunks: &mut [Bytes], tcp: &TcpStream) -> Result<usize, Halt> {
    let mut done = 0;
    while done < chunks.len() {
        let slices: [IoSlice<'_>; CHUNKS] =
            std::array::from_fn(|at| IoSlice::new(chunks.get(done + at).map_or(&[], |c| c)));
        let count = chunks.len() - done;
        let mut written = match (&*SockRef::from(tcp)).write_vectored(&slices[..count]) {
            Ok(written) => written,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(done),
            Err(error) => return Err(Halt::Local(error)),
        };
        flow.note_read(written as u64);
        while done < chunks.len() && written >= chunks[done].len() {
            written -= chunks[done].len();
            chunks[done] = Bytes::new();
            done += 1;
        }
        if written > 0 {
            chunks[done].advance(written);
        }
    }
    Ok(done)
}

/// The bytes that a blocked socket still has to take. They are copied off the packets that brought
/// them: a packet's payload keeps the whole receive buffer alive, 64 KiB for 1.4.
struct Backlog<'a> {
    flow: &'a Flow,
    parts: VecDeque<BytesMut>,
    len: usize,
}

/// Size of a copied part.
const PART_BYTES: usize = 64 * 1024;

impl<'a> Backlog<'a> {
    fn new(flow: &'a Flow) -> Self {
        Self {
            flow,
            parts: VecDeque::new(),
            len: 0,
        }
    }

    fn extend(&mut self, chunks: &mut [Bytes]) -> Result<(), FlowEnd> {
        for chunk in chunks {
            let bytes = std::mem::take(chunk);
            self.len += bytes.len();
            let is_within = self.flow.hold(bytes.len());
            self.push(&bytes);
            if !is_within {
                return Err(FlowEnd::Limit);
            }
        }
        Ok(())
    }

    fn push(&mut self, bytes: &[u8]) {
        match self.parts.back_mut() {
            Some(last) if last.len() + bytes.len() <= PART_BYTES => last.extend_from_slice(bytes),
            _ => self.parts.push_back(BytesMut::from(bytes)),
        }
    }

    /// Write what the socket takes, and read on meanwhile, within the sender's credit.
    async fn drain(&mut self, incoming: &mut Incoming<'_>, tcp: &TcpStream) -> Result<(), Halt> {
        while self.len > 0 {
            let is_open = incoming.end.is_none();
            tokio::select! {
                ready = tcp.writable() => {
                    ready.map_err(Halt::Local)?;
                    self.write(tcp)?;
                }
                read = incoming.next(), if is_open => {
                    if let Some(chunks) = read? {
                        self.extend(chunks)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn write(&mut self, tcp: &TcpStream) -> Result<(), Halt> {
        while let Some(part) = self.parts.front_mut() {
            match tcp.try_write(part) {
                Ok(written) => {
                    part.advance(written);
                    self.len -= written;
                    self.flow.unhold(written);
                    self.flow.note_read(written as u64);
                    if part.is_empty() {
                        self.parts.pop_front();
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(Halt::Local(error)),
            }
        }
        Ok(())
    }
}

impl Drop for Backlog<'_> {
    fn drop(&mut self) {
        self.flow.unhold(self.len);
    }
}

fn read_end(error: &ReadError) -> FlowEnd {
    match error {
        ReadError::Reset(code) => FlowEnd::from_code(*code),
        ReadError::ConnectionLost(_) => FlowEnd::Dropped,
        _ => FlowEnd::Reset,
    }
}
