//! Encode and parse what the two sidecars send to each other beside payload: rkyv archives behind a
//! length. Pure.
//!
//! A message on the wire is `length: u16 little-endian` and that many bytes of archive. The archive
//! is checked (bytecheck) before anything of it is used. The ALPN carries the version.

use rkyv::rancor::Error as Fault;
use rkyv::{Archive, Deserialize, Serialize};

/// Protocol name and version; two sidecars that differ here refuse each other in the handshake.
pub const ALPN: &[u8] = b"port-linker/1";

/// No archive is longer: a service key has at most 64 bytes, a secret 32.
pub const MAX_ARCHIVE_BYTES: usize = 512;

/// Longest service key, "tcp/[8 groups of an IPv6 address%scope]:65535".
pub const MAX_SERVICE_BYTES: usize = 128;

/// A message on the control stream, the first bidirectional stream that the host opens.
#[derive(Archive, Serialize, Deserialize, Clone, PartialEq, Eq)]
pub enum Message {
    /// Host, first of all: the one-time secret that went over SSH.
    Hello { secret: [u8; 32] },
    /// Target: the secret was right, flows are served.
    Welcome,
    /// The sender of flow `flow` may send up to this offset of the stream.
    Grant { flow: u64, limit: u64 },
    /// The idle sender of flow `flow` gives credit back: it stays below this offset until granted more.
    GiveBack { flow: u64, limit: u64 },
    /// Host: datagrams of this association go to that service.
    OpenAssociation { id: u32, service: String },
    /// Either side: the association has ended.
    CloseAssociation { id: u32 },
    /// Either side: the application of flow `flow` was reset; it takes no more. What it sent before
    /// still comes, and then the stream's FIN, or, at the offset `end`, a reset in its place.
    Gone { flow: u64, end: Option<u64> },
}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Never the secret: this may end in a log.
        f.write_str(match self {
            Self::Hello { .. } => "Hello",
            Self::Welcome => "Welcome",
            Self::Grant { .. } => "Grant",
            Self::GiveBack { .. } => "GiveBack",
            Self::OpenAssociation { .. } => "OpenAssociation",
            Self::CloseAssociation { .. } => "CloseAssociation",
            Self::Gone { .. } => "Gone",
        })
    }
}

/// The first bytes of a stream that is not the control stream.
#[derive(Archive, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub enum Preamble {
    /// A TCP flow to this service; data follows.
    Flow { service: String },
    /// One datagram of an association, too large for fragments; its bytes follow to the end.
    Datagram { id: u32 },
}

/// The error for bytes that are not a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WireError;

impl std::fmt::Display for WireError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("not a message of this protocol")
    }
}

impl std::error::Error for WireError {}

macro_rules! framed {
    ($type:ty) => {
        impl $type {
            /// Return length and archive. Fails only for a service name beyond the limit.
            pub fn encode(&self) -> Result<Vec<u8>, WireError> {
                let archive = rkyv::to_bytes::<Fault>(self).map_err(|_| WireError)?;
                if archive.len() > MAX_ARCHIVE_BYTES {
                    return Err(WireError);
                }
                let length = u16::try_from(archive.len()).map_err(|_| WireError)?;
                let mut out = Vec::with_capacity(2 + archive.len());
                out.extend_from_slice(&length.to_le_bytes());
                out.extend_from_slice(&archive);
                Ok(out)
            }

            /// Return the message of one archive (without its length).
            pub fn parse(archive: &[u8]) -> Result<Self, WireError> {
                if archive.len() > MAX_ARCHIVE_BYTES {
                    return Err(WireError);
                }
                rkyv::from_bytes::<Self, Fault>(archive).map_err(|_| WireError)
            }
        }
    };
}

framed!(Message);
framed!(Preamble);

/// Return the archive's length that two bytes announce, if it is within the limit.
pub fn parse_length(bytes: [u8; 2]) -> Result<usize, WireError> {
    let length = usize::from(u16::from_le_bytes(bytes));
    if length == 0 || length > MAX_ARCHIVE_BYTES {
        return Err(WireError);
    }
    Ok(length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn round_trip(message: Message) {
        let bytes = message.encode().unwrap();
        let length = parse_length([bytes[0], bytes[1]]).unwrap();
        assert_eq!(length, bytes.len() - 2);
        assert_eq!(Message::parse(&bytes[2..]), Ok(message));
    }

    #[test]
    fn messages_survive_the_wire() {
        round_trip(Message::Hello { secret: [7; 32] });
        round_trip(Message::Welcome);
        round_trip(Message::Grant {
            flow: 4,
            limit: 1 << 40,
        });
        round_trip(Message::Gone {
            flow: 4,
            end: Some(1 << 40),
        });
        round_trip(Message::OpenAssociation {
            id: 9,
            service: "udp/[::1]:53".into(),
        });
    }

    #[test]
    fn a_preamble_survives_at_any_alignment() {
        let preamble = Preamble::Flow {
            service: "tcp/127.0.0.1:5432".into(),
        };
        let bytes = preamble.encode().unwrap();
        for shift in 0..8 {
            let mut shifted = vec![0; shift];
            shifted.extend_from_slice(&bytes[2..]);
            assert_eq!(Preamble::parse(&shifted[shift..]), Ok(preamble.clone()));
        }
    }

    #[test]
    fn a_secret_is_not_printed() {
        let printed = format!("{:?}", Message::Hello { secret: [7; 32] });
        assert_eq!(printed, "Hello");
    }

    #[test]
    fn a_length_beyond_the_limit_is_refused() {
        assert_eq!(parse_length([0xff, 0xff]), Err(WireError));
        assert_eq!(parse_length([0, 0]), Err(WireError));
    }

    #[test]
    fn a_service_name_beyond_the_limit_is_refused() {
        let preamble = Preamble::Flow {
            service: "x".repeat(MAX_ARCHIVE_BYTES),
        };
        assert_eq!(preamble.encode(), Err(WireError));
    }

    proptest! {
        #[test]
        fn any_bytes_parse_or_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            let _ = Message::parse(&bytes);
            let _ = Preamble::parse(&bytes);
        }

        #[test]
        fn flipped_bits_parse_or_are_refused(at in 0usize..64, bit in 0u8..8) {
            let mut bytes = Preamble::Flow { service: "tcp/127.0.0.1:5432".into() }.encode().unwrap();
            let at = 2 + at % (bytes.len() - 2);
            bytes[at] ^= 1 << bit;
            let _ = Preamble::parse(&bytes[2..]);
        }
    }
}
