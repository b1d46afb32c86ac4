//! The QUIC ends.

use crate::bulk::{self, Order, Report};
use crate::{AnyError, PORT};
use quinn::congestion::{BbrConfig, ControllerFactory, CubicConfig, NewRenoConfig};
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::{Connection, Endpoint, EndpointConfig, TokioRuntime, TransportConfig};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, Error, SignatureScheme};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Larger than what the kernel grants by default: a burst of the peer must fit while we wait for
/// a CPU.
const SOCKET_BYTES: usize = 4 << 20;

fn provider() -> Arc<CryptoProvider> {
    let mut provider = rustls::crypto::ring::default_provider();
    let aes = rustls::CipherSuite::TLS13_AES_128_GCM_SHA256;
    provider.cipher_suites.retain(|suite| suite.suite() == aes);
    Arc::new(provider)
}

fn transport(cc: &str) -> Result<Arc<TransportConfig>, AnyError> {
    let mut transport = TransportConfig::default();
    port_linker_congestion::recommend(&mut transport);
    transport.max_concurrent_bidi_streams(1000u32.into());
    if let Some(slack) = cc.strip_prefix("slack") {
        let mut config = port_linker_congestion::SteadyConfig::default();
        config.model.slack = Duration::from_micros(slack.parse()?);
        transport.congestion_controller_factory(Arc::new(config));
        return Ok(Arc::new(transport));
    }
    let factory: Arc<dyn ControllerFactory + Send + Sync> = match cc {
        "steady" => return Ok(Arc::new(transport)),
        "cubic" => Arc::new(CubicConfig::default()),
        "bbr" => Arc::new(BbrConfig::default()),
        "newreno" => Arc::new(NewRenoConfig::default()),
        _ => return Err(format!("no such congestion control: {cc}").into()),
    };
    transport.congestion_controller_factory(factory);
    Ok(Arc::new(transport))
}

fn socket(port: u16) -> Result<UdpSocket, AnyError> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port))?;
    let buffers = socket2::SockRef::from(&socket);
    buffers.set_recv_buffer_size(SOCKET_BYTES)?;
    buffers.set_send_buffer_size(SOCKET_BYTES)?;
    Ok(socket)
}

fn endpoint(port: u16, server: Option<quinn::ServerConfig>) -> Result<Endpoint, AnyError> {
    let config = EndpointConfig::default();
    let runtime = Arc::new(TokioRuntime);
    Ok(Endpoint::new(config, server, socket(port)?, runtime)?)
}

pub async fn serve(cc: &str) -> Result<(), AnyError> {
    let key = rcgen::generate_simple_self_signed(vec!["perf".into()])?;
    let private = PrivatePkcs8KeyDer::from(key.signing_key.serialize_der());
    let tls = rustls::ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_single_cert(vec![key.cert.der().clone()], private.into())?;
    let mut config = quinn::ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(tls)?));
    config.transport_config(transport(cc)?);
    let endpoint = endpoint(PORT, Some(config))?;
    while let Some(incoming) = endpoint.accept().await {
        tokio::spawn(async move {
            if let Ok(connection) = incoming.await {
                while let Ok((w, r)) = connection.accept_bi().await {
                    tokio::spawn(bulk::serve(r, w, |_, _, _| ()));
                }
            }
        });
    }
    Ok(())
}

pub async fn connect(to: SocketAddr, cc: &str) -> Result<Connection, AnyError> {
    let tls = rustls::ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anyone))
        .with_no_client_auth();
    let mut config = quinn::ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls)?));
    config.transport_config(transport(cc)?);
    Ok(endpoint(0, None)?.connect_with(config, to, "perf")?.await?)
}

pub async fn run(connection: Connection, order: Order, report: Report) -> Result<(), AnyError> {
    let (w, r) = connection.open_bi().await?;
    let up = order.up;
    let watch = tokio::spawn(watch(connection.clone()));
    bulk::run(r, w, order, report).await?;
    watch.abort();
    if up {
        let path = connection.stats().path;
        eprintln!(
            "sent {} lost {} events {} window {} rtt {:?} mtu {} black holes {}",
            path.sent_packets,
            path.lost_packets,
            path.congestion_events,
            path.cwnd,
            path.rtt,
            path.current_mtu,
            path.black_holes_detected
        );
    }
    Ok(())
}

/// With PERF_TRACE set: what the controller thinks, twice a second.
async fn watch(connection: Connection) {
    if std::env::var_os("PERF_TRACE").is_none() {
        return;
    }
    loop {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let state = connection.congestion_state().into_any();
        let path = connection.stats().path;
        if let Ok(steady) = state.downcast::<port_linker_congestion::Steady>() {
            let model = steady.model();
            eprintln!(
                "{:?} window {} rate {:.1} least {:.1} now {:.1} base {:.4} lost {} cap {}",
                model.phase(),
                model.window(),
                model.rate() as f64 * 8e-6,
                model.min_rtt().unwrap_or_default().as_secs_f64() * 1e3,
                path.rtt.as_secs_f64() * 1e3,
                model.base_loss(),
                path.lost_packets,
                model.cap().unwrap_or(0)
            );
        }
    }
}

/// Round trips of 64 bytes, one every 20 ms or as soon as the last one is back.
pub async fn ping(connection: &Connection, time: Duration) -> Result<Vec<Duration>, AnyError> {
    let (mut w, mut r) = connection.open_bi().await?;
    w.write_all(b"ping\n").await?;
    let start = Instant::now();
    let mut times = Vec::new();
    let mut pause = tokio::time::interval(Duration::from_millis(20));
    while start.elapsed() < time {
        pause.tick().await;
        let sent = Instant::now();
        w.write_all(&[0x11; 64]).await?;
        let mut answer = [0; 64];
        r.read_exact(&mut answer).await?;
        times.push(sent.elapsed());
    }
    Ok(times)
}

/// Measurements need no proof of who answers.
#[derive(Debug)]
struct Anyone;

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("TLS 1.3 only".into()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let schemes = provider().signature_verification_algorithms;
        verify_tls13_signature(message, cert, signature, &schemes)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider()
            .signature_verification_algorithms
            .supported_schemes()
    }
}
