//! TUN devices in other network namespaces, without `ip` and without a second process.

use std::fs::File;
use std::io::{Error, ErrorKind, Result};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

/// Packets that the kernel holds ready for us. Its default of 500 is less than one burst of a
/// sender with segmentation offload at 400 Mbit/s while this process waits for a CPU.
const QUEUE_PACKETS: libc::c_int = 10_000;

/// One end of the emulated path.
#[derive(Clone, Debug, PartialEq)]
pub struct EndConfig {
    /// A name under /run/netns, a path, or empty for the namespace that we run in.
    pub namespace: String,
    pub device: String,
    pub address: Ipv4Addr,
    pub address6: Option<Ipv6Addr>,
    pub mtu: u16,
}

pub struct Tun {
    fd: OwnedFd,
}

impl Tun {
    /// Creates the device in its namespace, gives it its addresses and brings it up. The calling
    /// thread is back in its own namespace afterwards. Needs `CAP_SYS_ADMIN` and `CAP_NET_ADMIN`.
    pub fn open(config: &EndConfig) -> Result<Self> {
        let home = File::open("/proc/self/ns/net")?;
        if !config.namespace.is_empty() {
            enter(&File::open(namespace_path(&config.namespace))?)?;
        }
        let made = create(&config.device).and_then(|fd| {
            configure(config)?;
            Ok(Self { fd })
        });
        enter(&home)?;
        made
    }

    pub fn raw(&self) -> RawFd {
        self.fd.as_raw_fd()
    }

    /// One packet, or `None` when there is none at the moment.
    pub fn read(&self, buffer: &mut [u8]) -> Result<Option<usize>> {
        // SAFETY: the pointer and the length describe the caller's buffer.
        let n = unsafe { libc::read(self.raw(), buffer.as_mut_ptr().cast(), buffer.len()) };
        match check(n as libc::c_int) {
            Ok(n) => Ok(Some(n as usize)),
            Err(e) if e.kind() == ErrorKind::WouldBlock => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// Hands a packet to the kernel; a device that is down or full loses it, as a wire would.
    pub fn write(&self, packet: &[u8]) {
        // SAFETY: the pointer and the length describe the caller's packet.
        unsafe { libc::write(self.raw(), packet.as_ptr().cast(), packet.len()) };
    }
}

fn namespace_path(namespace: &str) -> String {
    if namespace.contains('/') {
        namespace.to_owned()
    } else {
        format!("/run/netns/{namespace}")
    }
}

fn enter(namespace: &File) -> Result<()> {
    // SAFETY: a call without pointers on a descriptor that is open.
    check(unsafe { libc::setns(namespace.as_raw_fd(), libc::CLONE_NEWNET) })?;
    Ok(())
}

fn check(result: libc::c_int) -> Result<libc::c_int> {
    if result < 0 {
        Err(Error::last_os_error())
    } else {
        Ok(result)
    }
}

fn owned(result: libc::c_int) -> Result<OwnedFd> {
    let fd = check(result)?;
    // SAFETY: the descriptor is fresh and nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn create(device: &str) -> Result<OwnedFd> {
    let flags = libc::O_RDWR | libc::O_NONBLOCK | libc::O_CLOEXEC;
    // SAFETY: a C string literal and plain flags.
    let fd = owned(unsafe { libc::open(c"/dev/net/tun".as_ptr(), flags) })?;
    let mut request = named(device)?;
    request.ifr_ifru.ifru_flags = (libc::IFF_TUN | libc::IFF_NO_PI) as libc::c_short;
    ioctl(&fd, libc::TUNSETIFF, &request)?;
    Ok(fd)
}

fn configure(config: &EndConfig) -> Result<()> {
    // SAFETY: a call without pointers.
    let socket = owned(unsafe { libc::socket(libc::AF_INET, libc::SOCK_DGRAM, 0) })?;
    let mut request = named(&config.device)?;
    request.ifr_ifru.ifru_addr = ipv4(config.address);
    ioctl(&socket, libc::SIOCSIFADDR, &request)?;
    request.ifr_ifru.ifru_netmask = ipv4(Ipv4Addr::new(255, 255, 255, 0));
    ioctl(&socket, libc::SIOCSIFNETMASK, &request)?;
    request.ifr_ifru.ifru_mtu = config.mtu.into();
    ioctl(&socket, libc::SIOCSIFMTU, &request)?;
    request.ifr_ifru.ifru_metric = QUEUE_PACKETS; // the kernel's ifr_qlen, of the same type
    ioctl(&socket, libc::SIOCSIFTXQLEN, &request)?;
    request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short;
    ioctl(&socket, libc::SIOCSIFFLAGS, &request)?;
    match config.address6 {
        Some(address) => configure6(&socket, &config.device, address),
        None => Ok(()),
    }
}

/// The kernel's `struct in6_ifreq`.
#[repr(C)]
struct In6Request {
    address: libc::in6_addr,
    prefix: u32,
    index: libc::c_int,
}

fn configure6(socket4: &OwnedFd, device: &str, address: Ipv6Addr) -> Result<()> {
    let mut request = named(device)?;
    // SAFETY: the request lives across the call, and the kernel writes an index into its union.
    let index = unsafe {
        check(libc::ioctl(
            socket4.as_raw_fd(),
            libc::SIOCGIFINDEX,
            &mut request,
        ))?;
        request.ifr_ifru.ifru_ifindex
    };
    // SAFETY: a call without pointers.
    let socket = owned(unsafe { libc::socket(libc::AF_INET6, libc::SOCK_DGRAM, 0) })?;
    let request = In6Request {
        address: libc::in6_addr {
            s6_addr: address.octets(),
        },
        prefix: 64,
        index,
    };
    // SAFETY: the request has the layout that this ioctl reads on an IPv6 socket.
    check(unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFADDR, &request) })?;
    Ok(())
}

fn named(device: &str) -> Result<libc::ifreq> {
    if device.is_empty() || device.len() >= libc::IFNAMSIZ {
        return Err(Error::new(ErrorKind::InvalidInput, "bad device name"));
    }
    // SAFETY: ifreq is plain data, for which zero bytes are a value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(device.bytes()) {
        *to = from as libc::c_char;
    }
    Ok(request)
}

fn ipv4(address: Ipv4Addr) -> libc::sockaddr {
    let mut data = [0; 14];
    for (to, from) in data[2..6].iter_mut().zip(address.octets()) {
        *to = from as libc::c_char;
    }
    libc::sockaddr {
        sa_family: libc::AF_INET as libc::sa_family_t,
        sa_data: data,
    }
}

fn ioctl(fd: &OwnedFd, call: libc::c_ulong, request: &libc::ifreq) -> Result<()> {
    // SAFETY: the request is a whole ifreq and lives across the call.
    check(unsafe { libc::ioctl(fd.as_raw_fd(), call as _, request) })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_name_must_fit() {
        assert!(named("wan0").is_ok());
        assert!(named("").is_err());
        assert!(named("a-name-that-is-too-long").is_err());
    }

    #[test]
    fn a_namespace_is_a_name_or_a_path() {
        assert_eq!(namespace_path("lab-a"), "/run/netns/lab-a");
        assert_eq!(namespace_path("/proc/7/ns/net"), "/proc/7/ns/net");
    }
}
