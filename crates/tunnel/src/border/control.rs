//! Parse the commands of Python: one JSON object a line. Pure.
//!
//! Documented in docs/tunnel.md; `tests/control_samples.jsonl` holds a line of each, and both
//! sides' tests parse it. Unknown keys are skipped, an unknown command is answered with an error.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

use serde::Deserialize;

/// Version of the vocabulary; the first line each way carries it.
pub const VERSION: u32 = 2;
/// A line is not longer: 8,192 services of at most 230 bytes fit, which is two IPv6 addresses.
pub const MAX_LINE_BYTES: usize = 2 * 1024 * 1024;
/// Descriptors that may be under way; the sender waits for the reply before it sends many more.
pub const MAX_DESCRIPTORS: usize = 64;

fn first_port() -> u16 {
    60_000
}

fn last_port() -> u16 {
    61_000
}

fn lease_s() -> u64 {
    12 * 3600
}

/// A line of Python.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(tag = "cmd", rename_all = "snake_case")]
pub enum Command {
    /// First line.
    Hello { v: u32 },
    /// Open the UDP port and make a certificate; answered by `listening`.
    Start(Start),
    /// Connect to the target, or let the host in; answered by `connected` or `error`.
    Peer(Peer),
    /// Carry a binding's connections or datagrams. One descriptor; answered by `adopted`.
    Adopt {
        binding: u64,
        service: String,
        fds: usize,
        /// Refuse what other users of this machine send.
        #[serde(default)]
        own_user: bool,
    },
    /// Stop taking new ones; open flows continue. Answered by `released`.
    Release { binding: u64 },
    /// Target: what may be dialled, whole.
    Services {
        table: HashMap<String, Vec<SocketAddr>>,
        /// Whose socket each is; one of another user is not dialled. Without one anybody's is.
        #[serde(default)]
        owners: HashMap<String, u32>,
    },
    /// Target: the address of the agent's own socket, a path or "@name".
    Door { address: String },
    /// Host: carry a stream to the agent's door. One descriptor.
    Enter { fds: usize },
    /// Reset the flows of one service, or all.
    ResetFlows {
        #[serde(default)]
        service: Option<String>,
    },
    /// Host: continue with a new UDP socket, at once.
    Rebind,
    /// Attach the path of last resort (one descriptor), or take it away (none).
    Path { fds: usize },
    /// Whether the peer's packets lack acknowledgements, as it reports over the stdio link.
    PeerQuiet { is_quiet: bool },
    /// Answered by `stats`.
    Stats,
    /// End the connection and the process.
    Shutdown,
}

impl Command {
    /// Return how many descriptors come with the line.
    pub fn fds(&self) -> usize {
        match self {
            Self::Adopt { fds, .. } | Self::Path { fds } | Self::Enter { fds } => *fds,
            _ => 0,
        }
    }

    /// Return the command's word in the vocabulary.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Hello { .. } => "hello",
            Self::Start(_) => "start",
            Self::Peer(_) => "peer",
            Self::Adopt { .. } => "adopt",
            Self::Release { .. } => "release",
            Self::Services { .. } => "services",
            Self::Door { .. } => "door",
            Self::Enter { .. } => "enter",
            Self::ResetFlows { .. } => "reset_flows",
            Self::Rebind => "rebind",
            Self::Path { .. } => "path",
            Self::PeerQuiet { .. } => "peer_quiet",
            Self::Stats => "stats",
            Self::Shutdown => "shutdown",
        }
    }
}

/// Which side this is.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Where the bindings are.
    Host,
    /// Where the services are.
    Target,
}

/// How to open the port.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Start {
    pub role: Role,
    /// Target: the address that ssh arrived at.
    #[serde(default)]
    pub bind: Option<IpAddr>,
    #[serde(default = "first_port")]
    pub first_port: u16,
    #[serde(default = "last_port")]
    pub last_port: u16,
    /// "adaptive", or "cubic" and "bbr" for comparison.
    #[serde(default)]
    pub congestion: Option<String>,
}

/// What went over SSH.
#[derive(Clone, Deserialize, PartialEq, Eq)]
pub struct Peer {
    /// SHA-256 of the peer's certificate, hex.
    pub fingerprint: String,
    /// 32 random bytes, hex; good for one introduction.
    pub secret: String,
    /// 16 random bytes, hex; of the first packet.
    pub connection_id: String,
    /// Where the peer may be; at most 8 are used.
    #[serde(default)]
    pub addresses: Vec<SocketAddr>,
    /// How long the connection outlives silence.
    #[serde(default = "lease_s")]
    pub lease_s: u64,
}

impl std::fmt::Debug for Peer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Never the secret: this may end in a log.
        f.debug_struct("Peer")
            .field("addresses", &self.addresses)
            .finish_non_exhaustive()
    }
}

/// Why a line is not a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LineError {
    /// A command that a newer side may know.
    Unknown(String),
    /// Not JSON, or without what the command needs.
    Bad(String),
}

const COMMANDS: [&str; 14] = [
    "hello",
    "start",
    "peer",
    "adopt",
    "release",
    "services",
    "door",
    "enter",
    "reset_flows",
    "rebind",
    "path",
    "peer_quiet",
    "stats",
    "shutdown",
];

/// Return the command of one line.
pub fn parse_command(line: &[u8]) -> Result<Command, LineError> {
    #[derive(Deserialize)]
    struct Head {
        cmd: String,
    }
    let bad = |error: serde_json::Error| LineError::Bad(error.to_string());
    let head: Head = serde_json::from_slice(line).map_err(bad)?;
    if !COMMANDS.contains(&head.cmd.as_str()) {
        return Err(LineError::Unknown(head.cmd.chars().take(64).collect()));
    }
    serde_json::from_slice(line).map_err(bad)
}

/// Return the number that the answer to a line must carry: of any line that is an object and has one.
pub fn parse_number(line: &[u8]) -> Option<u64> {
    #[derive(Deserialize)]
    struct Head {
        id: Option<u64>,
    }
    serde_json::from_slice::<Head>(line).ok()?.id
}

/// Return the bytes of a hex text of exactly that many bytes.
pub fn parse_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != 2 * N {
        return None;
    }
    let mut out = [0; N];
    for (byte, pair) in out.iter_mut().zip(digits.chunks(2)) {
        let high = char::from(pair[0]).to_digit(16)?;
        let low = char::from(pair[1]).to_digit(16)?;
        *byte = u8::try_from(high * 16 + low).ok()?;
    }
    Some(out)
}

/// Return bytes as hex text.
pub fn to_hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}"); // writing to a String cannot fail
        out
    })
}

#[cfg(test)]
#[path = "control_tests.rs"]
mod tests;
