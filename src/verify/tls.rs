//! TLS as a client of a server that nobody has vouched for yet: the name must be right, the issuer may be any.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::{Trouble, While as _};

/// Fails unless the certificate is for `hostname`.
pub(super) fn check_name(certificate: &[u8], hostname: &str) -> Result<(), Trouble> {
    let name = ServerName::try_from(hostname.to_owned()).doing(hostname)?;
    verify_name(&CertificateDer::from(certificate), &name)
        .doing(format!("the certificate is not one for {hostname}"))
}

fn verify_name(certificate: &CertificateDer<'_>, name: &ServerName<'_>) -> Result<(), Error> {
    rustls::client::verify_server_name(&ParsedCertificate::try_from(certificate)?, name)
}

/// Begins TLS on a connection to `hostname`.
pub(super) async fn handshake(stream: TcpStream, hostname: &str) -> Result<TlsStream<TcpStream>, Trouble> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .doing("preparing TLS")?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(RightName { provider }))
        .with_no_client_auth();
    let name = ServerName::try_from(hostname.to_owned()).doing(hostname)?;
    TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
        .doing("TLS handshake")
}

/// The server must own the certificate, and it must be for the right name.
#[derive(Debug)]
struct RightName {
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for RightName {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        verify_name(end_entity, server_name)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
