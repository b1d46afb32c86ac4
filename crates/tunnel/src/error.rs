//! Define the codes that cross a border: stream resets, connection closes, errors reported to Python.

use quinn::VarInt;

/// Why one flow was reset; travels in RESET_STREAM and STOP_SENDING.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlowEnd {
    /// The application's side sent a TCP reset, or its socket broke.
    Reset,
    /// The service's port refused the connection.
    Refused,
    /// The service is not in the table that the agent pushed.
    UnknownService,
    /// The service did not answer the connect in time.
    TimedOut,
    /// The session asked for it: an outage, a service that went, the end.
    Dropped,
    /// A limit of this side: flows, memory, descriptors.
    Limit,
    /// The peer broke the protocol.
    Protocol,
    /// Another user has the service's port since it was scanned.
    OtherOwner,
}

impl FlowEnd {
    const ALL: [Self; 8] = [
        Self::Reset,
        Self::Refused,
        Self::UnknownService,
        Self::TimedOut,
        Self::Dropped,
        Self::Limit,
        Self::Protocol,
        Self::OtherOwner,
    ];

    /// Return the number on the wire, from 1.
    pub fn code(self) -> VarInt {
        VarInt::from_u32(match self {
            Self::Reset => 1,
            Self::Refused => 2,
            Self::UnknownService => 3,
            Self::TimedOut => 4,
            Self::Dropped => 5,
            Self::Limit => 6,
            Self::Protocol => 7,
            Self::OtherOwner => 8,
        })
    }

    /// Return the reason of a number off the wire. An unknown one counts as a reset.
    pub fn from_code(code: VarInt) -> Self {
        Self::ALL
            .into_iter()
            .find(|end| end.code() == code)
            .unwrap_or(Self::Reset)
    }

    /// Return whether the flow never reached its service.
    pub fn is_refusal(self) -> bool {
        !matches!(self, Self::Reset | Self::Dropped | Self::Protocol)
    }
}

/// Why a whole connection ends; travels in CONNECTION_CLOSE and, as text, in `closed` events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// Python on this side asked for it.
    Shutdown,
    /// The first message did not carry the announced secret.
    WrongSecret,
    /// The peer broke the protocol.
    Protocol,
    /// The peer ended the connection on purpose.
    PeerShutdown,
    /// Nothing came for as long as the lease runs.
    IdleTimeout,
    /// TLS, transport or socket trouble.
    Transport,
}

impl CloseReason {
    /// Return the number on the wire.
    pub fn code(self) -> VarInt {
        VarInt::from_u32(match self {
            Self::Shutdown | Self::PeerShutdown => 0,
            Self::WrongSecret => 2,
            Self::Protocol => 3,
            Self::IdleTimeout => 4,
            Self::Transport => 5,
        })
    }

    /// Return the name in a `closed` event.
    pub fn name(self) -> &'static str {
        match self {
            Self::Shutdown => "shutdown",
            Self::WrongSecret => "wrong-secret",
            Self::Protocol => "protocol",
            Self::PeerShutdown => "peer-shutdown",
            Self::IdleTimeout => "idle-timeout",
            Self::Transport => "transport",
        }
    }

    /// Return the reason that the end of a connection has for this side.
    pub fn from_error(error: &quinn::ConnectionError) -> Self {
        use quinn::ConnectionError as E;
        match error {
            E::LocallyClosed => Self::Shutdown,
            E::TimedOut => Self::IdleTimeout,
            E::ApplicationClosed(close) if close.error_code == Self::WrongSecret.code() => {
                Self::WrongSecret
            }
            E::ApplicationClosed(close) if close.error_code == Self::Protocol.code() => {
                Self::Protocol
            }
            E::ApplicationClosed(_) => Self::PeerShutdown,
            _ => Self::Transport,
        }
    }
}

/// What keeps a link from coming up; the code is the `code` of an `error` event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkError {
    /// A stable code, see docs/tunnel.md.
    pub code: &'static str,
    /// More for a log; free of secrets.
    pub detail: String,
}

impl LinkError {
    /// Make one from its code and anything that prints.
    pub fn new(code: &'static str, detail: impl ToString) -> Self {
        Self {
            code,
            detail: detail.to_string(),
        }
    }
}

impl std::fmt::Display for LinkError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code, self.detail)
    }
}

impl std::error::Error for LinkError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flow_end_survives_the_wire() {
        for end in FlowEnd::ALL {
            assert_eq!(FlowEnd::from_code(end.code()), end);
        }
        assert_eq!(FlowEnd::from_code(VarInt::from_u32(99)), FlowEnd::Reset);
    }

    #[test]
    fn a_refused_port_is_a_refusal_and_a_reset_is_not() {
        assert!(FlowEnd::Refused.is_refusal());
        assert!(!FlowEnd::Reset.is_refusal());
    }
}
