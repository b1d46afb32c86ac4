//! Read lines and descriptors off a Unix socket.

use std::collections::VecDeque;
use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;

use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use tokio::io::Interest;
use tokio::net::UnixStream;

use super::control::{MAX_DESCRIPTORS, MAX_LINE_BYTES};
use crate::error::LinkError;

/// Reads lines, and queues descriptors in the order in which they came.
pub struct LineReader {
    bytes: Vec<u8>,
    descriptors: VecDeque<OwnedFd>,
}

impl LineReader {
    /// Start with nothing read.
    pub fn new() -> Self {
        Self {
            bytes: Vec::new(),
            descriptors: VecDeque::new(),
        }
    }

    /// Return the next line without its newline; None when the other side has closed. Cancel-safe.
    pub async fn next(&mut self, socket: &UnixStream) -> io::Result<Option<Vec<u8>>> {
        loop {
            if let Some(at) = self.bytes.iter().position(|byte| *byte == b'\n') {
                let mut line: Vec<u8> = self.bytes.drain(..=at).collect();
                line.pop();
                return Ok(Some(line));
            }
            if self.bytes.len() > MAX_LINE_BYTES {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "a line is too long",
                ));
            }
            socket.readable().await?;
            match socket.try_io(Interest::READABLE, || self.read(socket)) {
                Ok(0) => return Ok(None),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Take the oldest descriptor that no command has taken.
    fn take_descriptor(&mut self) -> Option<OwnedFd> {
        self.descriptors.pop_front()
    }

    /// Take what came with a line of `count` descriptors. More than the one that a command can use is
    /// closed.
    pub fn take_one(&mut self, count: usize) -> Result<OwnedFd, LinkError> {
        let taken: Vec<_> = (0..count.min(MAX_DESCRIPTORS))
            .map_while(|_| self.take_descriptor())
            .collect();
        let detail = "one descriptor must come with the line";
        <[OwnedFd; 1]>::try_from(taken)
            .map(|[descriptor]| descriptor)
            .map_err(|_| LinkError::new("bad-descriptor", detail))
    }

    fn read(&mut self, socket: &UnixStream) -> io::Result<usize> {
        let mut buffer = [0; 16 * 1024];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let message = recvmsg(
            socket,
            &mut [IoSliceMut::new(&mut buffer)],
            &mut ancillary,
            RecvFlags::CMSG_CLOEXEC,
        )?;
        for item in ancillary.drain() {
            if let RecvAncillaryMessage::ScmRights(descriptors) = item {
                self.descriptors.extend(descriptors);
            }
        }
        // What is too much is closed; the oldest stay.
        self.descriptors.truncate(MAX_DESCRIPTORS);
        self.bytes.extend_from_slice(&buffer[..message.bytes]);
        Ok(message.bytes)
    }
}

impl Default for LineReader {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
    use std::io::IoSlice;
    use std::os::fd::AsFd;

    fn send(socket: &std::os::unix::net::UnixStream, bytes: &[u8], descriptor: Option<&OwnedFd>) {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        let list: Vec<_> = descriptor.iter().map(|fd| fd.as_fd()).collect();
        if !list.is_empty() {
            assert!(ancillary.push(SendAncillaryMessage::ScmRights(&list)));
        }
        sendmsg(
            socket,
            &[IoSlice::new(bytes)],
            &mut ancillary,
            SendFlags::empty(),
        )
        .unwrap();
    }

    #[tokio::test]
    async fn lines_come_whole_and_descriptors_in_order() {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        theirs.set_nonblocking(true).unwrap();
        let theirs = UnixStream::from_std(theirs).unwrap();
        let descriptor: OwnedFd = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().into();
        send(&ours, b"{\"a\"", None);
        send(&ours, b":1}\n{}\npart", Some(&descriptor));
        let mut reader = LineReader::new();
        assert_eq!(reader.next(&theirs).await.unwrap().unwrap(), b"{\"a\":1}");
        assert_eq!(reader.next(&theirs).await.unwrap().unwrap(), b"{}");
        assert!(reader.take_descriptor().is_some());
        assert!(reader.take_descriptor().is_none());
        drop(ours);
        assert_eq!(reader.next(&theirs).await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_line_without_end_is_refused() {
        let (mut ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        theirs.set_nonblocking(true).unwrap();
        let theirs = UnixStream::from_std(theirs).unwrap();
        std::thread::spawn(move || {
            let _ = std::io::Write::write_all(&mut ours, &vec![b'x'; 2 * MAX_LINE_BYTES]);
        });
        let error = LineReader::new().next(&theirs).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }
}
