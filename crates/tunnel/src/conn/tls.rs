//! Make certificates and the settings of TLS 1.3: fresh keys, one cipher, exact pins.

use std::sync::Arc;

use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, ring as provider};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

pub use super::pin::Fingerprint;
use super::pin::{Pin, fingerprint};
use crate::error::LinkError;
use crate::flow::wire::ALPN;

/// The name in the certificates. It is not checked: the pin decides.
pub const SERVER_NAME: &str = "port-linker";

/// Our own certificate, made for this session and kept in memory only.
pub struct Identity {
    certificate: CertificateDer<'static>,
    key: PrivatePkcs8KeyDer<'static>,
}

fn trouble(error: impl ToString) -> LinkError {
    LinkError::new("tls", error)
}

impl Identity {
    /// Make a fresh key and certificate.
    pub fn generate() -> Result<Self, LinkError> {
        let made = rcgen::generate_simple_self_signed([SERVER_NAME.to_owned()]).map_err(trouble)?;
        Ok(Self {
            certificate: made.cert.der().clone(),
            key: PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()),
        })
    }

    /// Return what is sent to the peer over SSH.
    pub fn fingerprint(&self) -> Fingerprint {
        fingerprint(&self.certificate)
    }

    fn chain(&self) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        (
            vec![self.certificate.clone()],
            PrivateKeyDer::Pkcs8(self.key.clone_key()),
        )
    }
}

/// Prefer AES where the processor has it (5 times ChaCha20's speed here), ChaCha20 where it has not.
fn crypto_provider() -> Arc<CryptoProvider> {
    use provider::cipher_suite::{TLS13_AES_128_GCM_SHA256, TLS13_CHACHA20_POLY1305_SHA256};
    #[cfg(target_arch = "x86_64")]
    let has_aes = std::arch::is_x86_feature_detected!("aes");
    #[cfg(not(target_arch = "x86_64"))]
    let has_aes = cfg!(target_feature = "aes");
    let mut suites = vec![TLS13_AES_128_GCM_SHA256, TLS13_CHACHA20_POLY1305_SHA256];
    if !has_aes {
        suites.reverse();
    }
    Arc::new(CryptoProvider {
        cipher_suites: suites,
        ..provider::default_provider()
    })
}

/// Return the TLS settings of the host's side.
pub fn client_config(
    identity: &Identity,
    peer: Fingerprint,
) -> Result<QuicClientConfig, LinkError> {
    let (chain, key) = identity.chain();
    let mut config = rustls::ClientConfig::builder_with_provider(crypto_provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(trouble)?
        .dangerous() // what rustls calls any custom verifier; ours accepts one certificate
        .with_custom_certificate_verifier(Arc::new(Pin::new(peer)))
        .with_client_auth_cert(chain, key)
        .map_err(trouble)?;
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.resumption = Resumption::disabled();
    QuicClientConfig::try_from(config).map_err(trouble)
}

/// Return the TLS settings of the target's side.
pub fn server_config(
    identity: &Identity,
    peer: Fingerprint,
) -> Result<QuicServerConfig, LinkError> {
    let (chain, key) = identity.chain();
    let mut config = rustls::ServerConfig::builder_with_provider(crypto_provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(trouble)?
        .with_client_cert_verifier(Arc::new(Pin::new(peer)))
        .with_single_cert(chain, key)
        .map_err(trouble)?;
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.send_tls13_tickets = 0;
    config.max_early_data_size = 0;
    QuicServerConfig::try_from(config).map_err(trouble)
}
