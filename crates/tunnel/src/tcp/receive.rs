//! From the stream to the TCP socket.

use std::collections::VecDeque;
use std::io::{self, IoSlice, Write};

use bytes::{Buf, Bytes, BytesMut};
use quinn::{ReadError, RecvStream};
use socket2::SockRef;
use tokio::net::TcpStream;

use crate::error::FlowEnd;
use crate::flow::Flow;
use crate::link::Link;

/// Chunks (packets' payloads) written with one system call: about 90 KB.
const CHUNKS: usize = 64;

/// Copy until the stream's end, which becomes the socket's.
pub async fn run_receive(
    tcp: &TcpStream,
    recv: &mut RecvStream,
    flow: &Flow,
    link: &Link,
) -> Result<(), FlowEnd> {
    let mut chunks: [Bytes; CHUNKS] = [const { Bytes::new() }; CHUNKS];
    let mut is_open = true;
    while is_open {
        let Some(count) = recv
            .read_chunks(&mut chunks)
            .await
            .map_err(|e| read_end(&e))?
        else {
            break;
        };
        let written = write_now(tcp, &mut chunks[..count], flow, link)?;
        if written < count {
            let mut backlog = Backlog::new(link);
            backlog.extend(&mut chunks[written..count])?;
            is_open = backlog.drain(tcp, recv, flow).await?;
        }
    }
    let _ = SockRef::from(tcp).shutdown(std::net::Shutdown::Write);
    Ok(())
}

/// Write until the socket is full; return how many chunks are done with. Not through tokio, which
/// does not know of a fresh socket that it is writable.
fn write_now(
    tcp: &TcpStream,
    chunks: &mut [Bytes],
    flow: &Flow,
    link: &Link,
) -> Result<usize, FlowEnd> {
    let mut done = 0;
    while done < chunks.len() {
        let slices: [IoSlice<'_>; CHUNKS] =
            std::array::from_fn(|at| IoSlice::new(chunks.get(done + at).map_or(&[], |c| c)));
        let count = chunks.len() - done;
        let mut written = match (&*SockRef::from(tcp)).write_vectored(&slices[..count]) {
            Ok(written) => written,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(done),
            Err(_) => return Err(FlowEnd::Reset),
        };
        link.note_read(flow, written as u64);
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

/// What a blocked socket still has to take. The bytes are copied off the packets that brought
/// them: a packet's payload keeps the whole receive buffer alive, 64 KiB for 1.4.
struct Backlog<'a> {
    link: &'a Link,
    parts: VecDeque<BytesMut>,
    len: usize,
}

/// Size of a copied part.
const PART_BYTES: usize = 64 * 1024;

impl<'a> Backlog<'a> {
    fn new(link: &'a Link) -> Self {
        Self {
            link,
            parts: VecDeque::new(),
            len: 0,
        }
    }

    fn extend(&mut self, chunks: &mut [Bytes]) -> Result<(), FlowEnd> {
        for chunk in chunks {
            let bytes = std::mem::take(chunk);
            self.len += bytes.len();
            let is_within = self.link.hold(bytes.len());
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

    /// Write as the socket lets us, and go on reading meanwhile, within the sender's credit.
    /// Returns whether the stream is still open; all is written then, or the stream has ended.
    async fn drain(
        &mut self,
        tcp: &TcpStream,
        recv: &mut RecvStream,
        flow: &Flow,
    ) -> Result<bool, FlowEnd> {
        let mut chunks: [Bytes; CHUNKS] = [const { Bytes::new() }; CHUNKS];
        let mut is_open = true;
        while self.len > 0 {
            tokio::select! {
                ready = tcp.writable() => {
                    ready.map_err(|_| FlowEnd::Reset)?;
                    self.write(tcp, flow)?;
                }
                read = recv.read_chunks(&mut chunks), if is_open => {
                    match read.map_err(|error| read_end(&error))? {
                        Some(count) => self.extend(&mut chunks[..count])?,
                        None => is_open = false,
                    }
                }
            }
        }
        Ok(is_open)
    }

    fn write(&mut self, tcp: &TcpStream, flow: &Flow) -> Result<(), FlowEnd> {
        while let Some(part) = self.parts.front_mut() {
            match tcp.try_write(part) {
                Ok(written) => {
                    part.advance(written);
                    self.len -= written;
                    self.link.unhold(written);
                    self.link.note_read(flow, written as u64);
                    if part.is_empty() {
                        self.parts.pop_front();
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(_) => return Err(FlowEnd::Reset),
            }
        }
        Ok(())
    }
}

impl Drop for Backlog<'_> {
    fn drop(&mut self) {
        self.link.unhold(self.len);
    }
}

fn read_end(error: &ReadError) -> FlowEnd {
    match error {
        ReadError::Reset(code) => FlowEnd::from_code(*code),
        ReadError::ConnectionLost(_) => FlowEnd::Dropped,
        _ => FlowEnd::Reset,
    }
}
