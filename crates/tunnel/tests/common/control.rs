//! A sidecar and its control socket, in this process or in one of its own.

use std::io::IoSlice;
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream as StdUnixStream;
use std::process::{Child, Command};

use port_linker_tunnel::border::sidecar::run_sidecar;
use rustix::io::{FdFlags, fcntl_setfd};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::{TcpListener, UnixStream};
use tokio::task::JoinHandle;

enum Sidecar {
    Task(JoinHandle<std::io::Result<()>>),
    Process(Child),
}

/// A sidecar that we steer.
pub struct Control {
    pub writer: StdUnixStream,
    reader: BufReader<UnixStream>,
    sidecar: Sidecar,
}

impl Drop for Control {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Control {
    /// One that has said `ready`, in this process.
    pub async fn start() -> Self {
        let (ours, theirs) = StdUnixStream::pair().unwrap();
        theirs.set_nonblocking(true).unwrap();
        let served = tokio::spawn(run_sidecar(UnixStream::from_std(theirs).unwrap()));
        Self::over(ours, Sidecar::Task(served)).await
    }

    /// One that was greeted, in this process.
    pub async fn greeted() -> Self {
        let mut control = Self::start().await;
        control.say(&json!({"cmd": "hello", "v": 2}), None);
        control
    }

    /// One that was greeted, in a process of its own.
    pub async fn process() -> Self {
        let (ours, theirs) = StdUnixStream::pair().unwrap();
        fcntl_setfd(&theirs, FdFlags::empty()).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_port-linker-tunnel"))
            .args(["--control-fd", &theirs.as_raw_fd().to_string()])
            .spawn()
            .unwrap();
        drop(theirs);
        let mut control = Self::over(ours, Sidecar::Process(child)).await;
        control.say(&json!({"cmd": "hello", "v": 2}), None);
        control
    }

    async fn over(ours: StdUnixStream, sidecar: Sidecar) -> Self {
        ours.set_nonblocking(true).unwrap();
        let mut control = Self {
            writer: ours.try_clone().unwrap(),
            reader: BufReader::new(UnixStream::from_std(ours).unwrap()),
            sidecar,
        };
        assert_eq!(control.wait("ready").await["v"], 2);
        control
    }

    pub fn say(&mut self, command: &Value, descriptor: Option<&OwnedFd>) {
        let line = format!("{command}\n");
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        let list: Vec<_> = descriptor.iter().map(|fd| fd.as_fd()).collect();
        if !list.is_empty() {
            assert!(ancillary.push(SendAncillaryMessage::ScmRights(&list)));
        }
        let bytes = [IoSlice::new(line.as_bytes())];
        sendmsg(&self.writer, &bytes, &mut ancillary, SendFlags::empty()).unwrap();
    }

    pub async fn wait(&mut self, event: &str) -> Value {
        loop {
            let mut line = String::new();
            assert!(
                self.reader.read_line(&mut line).await.unwrap() > 0,
                "no {event}"
            );
            let value: Value = serde_json::from_str(&line).unwrap();
            if value["event"] == event {
                return value;
            }
        }
    }

    /// Say a command without keys and wait for the answer of the same name.
    pub async fn ask(&mut self, word: &str) -> Value {
        self.say(&json!({"cmd": word}), None);
        self.wait(word).await
    }

    /// Wait until it has ended by itself.
    pub async fn served(&mut self) -> std::io::Result<()> {
        match &mut self.sidecar {
            Sidecar::Task(served) => served.await.unwrap(),
            Sidecar::Process(child) => child.wait().map(|_| ()),
        }
    }

    /// Close the control socket and wait until it has ended.
    pub async fn leave(mut self) -> std::io::Result<()> {
        self.writer.shutdown(std::net::Shutdown::Both)?;
        self.served().await
    }

    /// SIGKILL, for one in a process of its own.
    pub fn kill(&mut self) {
        if let Sidecar::Process(child) = &mut self.sidecar {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Two sidecars in this process with a link between them.
pub async fn connected() -> (Control, Control) {
    let (mut host, mut target) = (Control::greeted().await, Control::greeted().await);
    introduce(&mut host, &mut target).await;
    (host, target)
}

/// Bring the link between two sidecars up.
pub async fn introduce(host: &mut Control, target: &mut Control) {
    host.say(&json!({"cmd": "start", "role": "host"}), None);
    target.say(
        &json!({"cmd": "start", "role": "target", "bind": "127.0.0.1"}),
        None,
    );
    let (h, t) = (host.wait("listening").await, target.wait("listening").await);
    let (secret, id) = ("0f".repeat(32), "1e".repeat(16));
    let peer = |of: &Value, addresses: Vec<String>| {
        json!({"cmd": "peer", "fingerprint": of["fingerprint"], "secret": secret,
               "connection_id": id, "addresses": addresses})
    };
    target.say(&peer(&h, vec![]), None);
    host.say(&peer(&t, vec![format!("127.0.0.1:{}", t["port"])]), None);
    host.wait("connected").await;
    target.wait("connected").await;
}

/// Have a service carried; returns its key and the local address that stands for it.
pub async fn carry(
    host: &mut Control,
    target: &mut Control,
    service: &TcpListener,
) -> (String, SocketAddr) {
    let address = service.local_addr().unwrap();
    let key = format!("tcp/{address}");
    target.say(
        &json!({"cmd": "services", "table": {&key: [address.to_string()]}}),
        None,
    );
    let binding = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let local = binding.local_addr().unwrap();
    let descriptor = OwnedFd::from(binding);
    host.say(
        &json!({"cmd": "adopt", "binding": 5, "service": key, "fds": 1}),
        Some(&descriptor),
    );
    assert_eq!(host.wait("adopted").await["binding"], 5);
    // The table went to the other process: ask it something, so that it has it for certain.
    target.ask("stats").await;
    (key, local)
}
