//! Whom the command trusts.

use dcs_wait::sim::{SimOptions, Step, TlsFiles};
use tempfile::TempDir;

use super::harness::{Service, scripted};

/// A certificate for loopback, signed by itself, and its key.
struct Certificate {
    folder: TempDir,
    files: TlsFiles,
    pem: String,
}

impl Certificate {
    fn issue() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let issued = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let files = TlsFiles {
            certificate: folder.path().join("certificate.pem"),
            key: folder.path().join("key.pem"),
        };
        let pem = issued.cert.pem();
        std::fs::write(&files.certificate, &pem).unwrap();
        std::fs::write(&files.key, issued.signing_key.serialize_pem()).unwrap();
        Self { folder, files, pem }
    }

    fn serve(&self) -> Service {
        assert!(self.folder.path().is_dir());
        Service::new(SimOptions {
            tls: Some(self.files.clone()),
            jobs: vec![scripted("job", [Step::running(), Step::success()])],
            ..SimOptions::default()
        })
    }
}

#[test]
fn a_certificate_of_the_ca_file_is_trusted() {
    let certificate = Certificate::issue();
    let ended = certificate
        .serve()
        .wait_for(["job", "--ca-file=ca.pem"])
        .file_with_mode("ca.pem", &certificate.pem, 0o644)
        .run();
    ended.exits_with(0);
}

#[test]
fn a_certificate_that_does_not_verify_ends_with_2_without_waiting_for_the_deadline() {
    let (certificate, another) = (Certificate::issue(), Certificate::issue());
    let service = certificate.serve();
    let ended = service
        .wait_for(["job", "--timeout=none", "--ca-file=ca.pem"])
        .file("ca.pem", &another.pem)
        .run();
    ended
        .exits_with(2)
        .says("the server's certificate doesn't verify")
        .says("--ca-file");
    assert!(service.requests().is_empty());
}

#[test]
fn the_system_trusts_no_certificate_that_signed_itself() {
    let service = Certificate::issue().serve();
    let ended = service.wait_for(["job", "--timeout=none"]).run();
    ended.exits_with(2).says("--ca-file");
    assert!(service.requests().is_empty());
}

#[test]
fn a_certificate_of_iam_that_does_not_verify_ends_with_2_as_well() {
    let (certificate, another) = (Certificate::issue(), Certificate::issue());
    let service = certificate.serve();
    let ended = service
        .wait_for(["job", "--region=simulated-1", "--ca-file=ca.pem"])
        .without("DCS_WAIT_PROJECT_ID")
        .env("HUAWEICLOUD_SDK_IAM_ENDPOINT", service.url())
        .file("ca.pem", &another.pem)
        .run();
    ended
        .exits_with(2)
        .complains("the server's certificate doesn't verify")
        .says("--ca-file");
}

#[test]
fn a_ca_file_that_is_missing_or_holds_no_certificate_is_named() {
    let service = Certificate::issue().serve();
    let command = || service.wait_for(["job", "--ca-file=ca.pem"]);
    let advice = "give a PEM file with the certificate of the authority to trust";
    let ended = command().run();
    ended.exits_with(2).complains("ca.pem").says(advice);
    for content in [
        "",
        "no certificate",
        "-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n",
    ] {
        let ended = command().file("ca.pem", content).run();
        ended.exits_with(2).complains("ca.pem").says(advice);
    }
    assert!(service.requests().is_empty());
}

#[test]
fn a_server_that_speaks_no_tls_is_passing_trouble() {
    let service = Service::playing([Step::success()]);
    let certificate = Certificate::issue();
    let ended = service
        .wait_for(["job", "--timeout=200ms", "--ca-file=ca.pem"])
        .env(
            "DCS_WAIT_ENDPOINT",
            service.url().replace("http:", "https:"),
        )
        .file("ca.pem", &certificate.pem)
        .run();
    ended.exits_with(124).says("last error: TLS failed");
}
