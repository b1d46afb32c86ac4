//! Read the archives that begin a stream, or follow each other on the control stream.

use std::error::Error;

use quinn::RecvStream;

use super::wire::{MAX_ARCHIVE_BYTES, Preamble, parse_length};
use crate::error::FlowEnd;

/// Read one archive behind its length into `archive`, and return it. Not cancel-safe.
pub async fn read_archive<'a>(
    recv: &mut RecvStream,
    archive: &'a mut [u8; MAX_ARCHIVE_BYTES],
) -> Result<&'a [u8], Box<dyn Error + Send + Sync>> {
    let mut length = [0; 2];
    recv.read_exact(&mut length).await?;
    let archive = &mut archive[..parse_length(length)?];
    recv.read_exact(archive).await?;
    Ok(archive)
}

/// Read the preamble of any stream. Not cancel-safe: the stream is useless afterwards.
pub async fn read_preamble(recv: &mut RecvStream) -> Result<Preamble, FlowEnd> {
    let mut archive = [0; MAX_ARCHIVE_BYTES];
    let read = read_archive(recv, &mut archive).await;
    let archive = read.map_err(|_| FlowEnd::Protocol)?;
    Preamble::parse(archive).map_err(|_| FlowEnd::Protocol)
}
