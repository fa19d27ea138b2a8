//! Host keys, host certificates and jumps with a real sshd, beside `ssh` itself.

use std::fs;
use std::path::Path;
use std::process::Command;

use mailprov::host::connection::{NoPrompt, Target, connect};
use mailprov::host::ssh_config::{self, ConfigFile, Operator, SshConfig};
use mailprov::host::{HostError, ReadHost as _};

use super::{Row, judge, ssh};
use crate::support::{TestHost, boot};

/// Ports of sshds with the host's Ed25519 key and a certificate for it.
const GOOD: u16 = 2301;
const EXPIRED: u16 = 2302;
const OTHER_NAME: u16 = 2303;
const FOR_ANYBODY: u16 = 2304;
const WILDCARD: u16 = 2305;
const NO_CERTIFICATE: u16 = 2306;

fn keygen(arguments: &[&str]) {
    ssh();
    let output = Command::new("ssh-keygen")
        .arg("-q")
        .args(arguments)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// The first two fields of a public key.
fn public(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    text.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
}

/// More sshds on the host; the certificates' authority is `ca` in `folder`.
fn serve(host: &TestHost, folder: &Path) {
    let at = |name: &str| folder.join(name).display().to_string();
    for name in ["ca", "stranger"] {
        keygen(&["-t", "ed25519", "-N", "", "-f", &at(name)]);
    }
    fs::write(
        folder.join("host.pub"),
        host.sh("cat /etc/ssh/ssh_host_ed25519_key.pub"),
    )
    .unwrap();
    let address = host.address().to_string();
    let certificates: [(u16, &[&str]); 5] = [
        (GOOD, &["-n", &address, "-V", "-1d:+52w"]),
        (EXPIRED, &["-n", &address, "-V", "-2d:-1d"]),
        (OTHER_NAME, &["-n", "mx2.example.org", "-V", "-1d:+52w"]),
        (FOR_ANYBODY, &["-V", "-1d:+52w"]),
        (WILDCARD, &["-n", "10.*", "-V", "-1d:+52w"]),
    ];
    for (port, options) in certificates {
        let mut arguments = vec![
            "-s",
            folder.join("ca").to_str().unwrap().to_owned().leak(),
            "-h",
            "-I",
            "host",
        ];
        arguments.extend(options);
        let key = at("host.pub");
        arguments.push(&key);
        keygen(&arguments);
        let certificate = fs::read_to_string(folder.join("host-cert.pub")).unwrap();
        host.sh(&format!(
            "echo '{}' >/etc/ssh/{port}-cert.pub\n{}",
            certificate.trim(),
            sshd(port, &format!("-o HostCertificate=/etc/ssh/{port}-cert.pub"))
        ));
    }
    host.sh(&sshd(NO_CERTIFICATE, ""));
    for port in GOOD..=NO_CERTIFICATE {
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(120);
        while std::net::TcpStream::connect((host.address(), port)).is_err() {
            assert!(std::time::Instant::now() < deadline, "no sshd on port {port}");
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    }
}

/// Whoever breaks off before the login is shut out for a while otherwise, and here that is every second case
/// (sshd_config(5), PerSourcePenalties).
fn sshd(port: u16, more: &str) -> String {
    format!(
        "systemd-run -q --unit=sshd-{port} /usr/sbin/sshd -D -f /etc/ssh/sshd_config -o PidFile=none -o Port={port} \
         -o PerSourcePenalties=no -o HostKey=/etc/ssh/ssh_host_ed25519_key {more}"
    )
}

fn theirs(host: &TestHost, port: u16, known: &Path, alias: Option<&str>) -> String {
    theirs_with(host, port, known, alias, "IdentitiesOnly yes")
}

/// The same with an option more.
fn theirs_with(host: &TestHost, port: u16, known: &Path, alias: Option<&str>, option: &str) -> String {
    let mut command = ssh();
    command
        .arg("-o")
        .arg(option)
        .args([
            "-F",
            "none",
            "-o",
            "BatchMode=yes",
            "-o",
            "StrictHostKeyChecking=yes",
            "-o",
            "LogLevel=ERROR",
        ])
        .args([
            "-o",
            "GlobalKnownHostsFile=/dev/null",
            "-o",
            "IdentitiesOnly=yes",
            "-o",
            "UpdateHostKeys=no",
        ])
        .arg("-o")
        .arg(format!("UserKnownHostsFile={}", known.display()))
        .arg(format!("-p{port}"))
        .arg("-i")
        .arg(host.key());
    if let Some(alias) = alias {
        command.arg("-o").arg(format!("HostKeyAlias={alias}"));
    }
    let output = command
        .arg(format!("root@{}", host.address()))
        .arg("true")
        .output()
        .unwrap();
    if output.status.success() {
        "accepted"
    } else {
        "refused"
    }
    .to_owned()
}

fn target(host: &TestHost, port: u16, known: &Path) -> Target {
    Target {
        name: "mx1".to_owned(),
        address: host.address().to_string(),
        port,
        identity_files: vec![host.key()],
        known_hosts: vec![known.to_owned()],
        ..Target::default()
    }
}

async fn ours(target: &Target) -> String {
    match connect(target, &NoPrompt).await {
        Ok(_) => "accepted".to_owned(),
        Err(HostError::HostKey(_)) => "refused".to_owned(),
        Err(other) => format!("neither: {other}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn host_keys_are_judged_as_ssh_does() {
    let host = boot("ssh-verdicts");
    let folder = tempfile::tempdir().unwrap();
    serve(&host, folder.path());
    let a = host.address().to_string();
    let key = public(&folder.path().join("host.pub"));
    let ca = public(&folder.path().join("ca.pub"));
    let stranger = public(&folder.path().join("stranger.pub"));
    let rsa = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAQQC0dDmO8vE8MPVvh0vWzwBTMoZJFHsVAKGYFTyTg6bXsjFqGbwZPZk7RVnnrEKOZPQ5xkQm6iUMF5N9bHxUw4dJ";
    let cases: Vec<(&str, u16, String, Option<&str>, &'static str)> = vec![
        ("nothing known", GOOD, String::new(), None, ""),
        (
            "its key",
            NO_CERTIFICATE,
            format!("[{a}]:{NO_CERTIFICATE} {key}"),
            None,
            "",
        ),
        ("its key, port 22", 22, format!("{a} {key}"), None, ""),
        (
            "another key",
            NO_CERTIFICATE,
            format!("[{a}]:{NO_CERTIFICATE} {stranger}"),
            None,
            "",
        ),
        (
            "its key after another",
            NO_CERTIFICATE,
            format!("[{a}]:{NO_CERTIFICATE} {stranger}\n[{a}]:{NO_CERTIFICATE} {key}"),
            None,
            "",
        ),
        (
            "its key without the port",
            NO_CERTIFICATE,
            format!("{a} {key}"),
            None,
            "known only with its port",
        ),
        (
            "its key for another port",
            NO_CERTIFICATE,
            format!("[{a}]:22 {key}"),
            None,
            "",
        ),
        ("wildcard", NO_CERTIFICATE, format!("[10.*]:* {key}"), None, ""),
        (
            "negated",
            NO_CERTIFICATE,
            format!("[10.*]:*,![{a}]:{NO_CERTIFICATE} {key}"),
            None,
            "",
        ),
        (
            "revoked",
            NO_CERTIFICATE,
            format!("[{a}]:{NO_CERTIFICATE} {key}\n@revoked * {key}"),
            None,
            "",
        ),
        (
            "revoked for another host",
            NO_CERTIFICATE,
            format!("[{a}]:{NO_CERTIFICATE} {key}\n@revoked mx2 {key}"),
            None,
            "",
        ),
        (
            "its key, revoked in capitals",
            NO_CERTIFICATE,
            format!("@Revoked [{a}]:{NO_CERTIFICATE} {key}"),
            None,
            "",
        ),
        (
            "its key with an unknown marker",
            NO_CERTIFICATE,
            format!("@trusted [{a}]:{NO_CERTIFICATE} {key}"),
            None,
            "",
        ),
        (
            "its key, and again with an unknown marker",
            NO_CERTIFICATE,
            format!("[{a}]:{NO_CERTIFICATE} {key}\n@Revoked * {key}"),
            None,
            "",
        ),
        (
            "another revoked",
            NO_CERTIFICATE,
            format!("[{a}]:{NO_CERTIFICATE} {key}\n@revoked * {stranger}"),
            None,
            "",
        ),
        (
            "comment and nonsense lines",
            NO_CERTIFICATE,
            format!("# x\nnonsense\n[{a}]:{NO_CERTIFICATE} {key} someone"),
            None,
            "",
        ),
        ("alias", NO_CERTIFICATE, format!("mail {key}"), Some("mail"), ""),
        (
            "alias hides the address",
            NO_CERTIFICATE,
            format!("[{a}]:{NO_CERTIFICATE} {key}"),
            Some("mail"),
            "",
        ),
        (
            "key of another algorithm only",
            NO_CERTIFICATE,
            format!("[{a}]:{NO_CERTIFICATE} {rsa}"),
            None,
            "",
        ),
        (
            "authority",
            GOOD,
            format!("@cert-authority [{a}]:{GOOD} {ca}"),
            None,
            "",
        ),
        (
            "authority, wildcard",
            GOOD,
            format!("@cert-authority * {ca}"),
            None,
            "",
        ),
        (
            "authority of another host",
            GOOD,
            format!("@cert-authority mx2 {ca}"),
            None,
            "",
        ),
        (
            "another authority",
            GOOD,
            format!("@cert-authority * {stranger}"),
            None,
            "",
        ),
        (
            "another authority, and its key",
            GOOD,
            format!("@cert-authority * {stranger}\n[{a}]:{GOOD} {key}"),
            None,
            "",
        ),
        (
            "the authority's key as host key",
            GOOD,
            format!("[{a}]:{GOOD} {ca}"),
            None,
            "",
        ),
        (
            "authority, no certificate",
            NO_CERTIFICATE,
            format!("@cert-authority * {ca}"),
            None,
            "",
        ),
        (
            "authority and key, no certificate",
            NO_CERTIFICATE,
            format!("@cert-authority * {ca}\n[{a}]:{NO_CERTIFICATE} {key}"),
            None,
            "",
        ),
        (
            "expired certificate",
            EXPIRED,
            format!("@cert-authority * {ca}"),
            None,
            "",
        ),
        (
            "certificate of another name",
            OTHER_NAME,
            format!("@cert-authority * {ca}"),
            None,
            "",
        ),
        (
            "another name that is the alias",
            OTHER_NAME,
            format!("@cert-authority * {ca}"),
            Some("mx2.example.org"),
            "",
        ),
        (
            "certificate for a pattern",
            WILDCARD,
            format!("@cert-authority * {ca}"),
            None,
            "",
        ),
        (
            "authority revoked",
            GOOD,
            format!("@cert-authority * {ca}\n@revoked * {ca}"),
            None,
            "",
        ),
        (
            "certified key revoked",
            GOOD,
            format!("@cert-authority * {ca}\n@revoked * {key}"),
            None,
            "",
        ),
        (
            "certificate for anybody",
            FOR_ANYBODY,
            format!("@cert-authority * {ca}"),
            None,
            "a certificate must name the host",
        ),
    ];
    let mut rows = Vec::new();
    for (case, port, text, alias, stricter) in cases {
        let known = folder.path().join("known");
        fs::write(&known, format!("{text}\n")).unwrap();
        let openssh = theirs(&host, port, &known, alias);
        let mut target = target(&host, port, &known);
        target.host_key_alias = alias.map(str::to_owned);
        let ours = ours(&target).await;
        assert!(stricter.is_empty() || ours == "refused", "{case}: {ours}");
        rows.push(Row {
            case: case.to_owned(),
            agrees: openssh == ours,
            openssh,
            ours,
            stricter,
        });
    }
    // By `ssh-keygen -H`: names are hashed in place.
    let hashed = folder.path().join("hashed");
    fs::write(&hashed, format!("[{a}]:{NO_CERTIFICATE} {key}\n{a} {stranger}\n")).unwrap();
    keygen(&["-H", "-f", hashed.to_str().unwrap()]);
    for port in [NO_CERTIFICATE, 22] {
        let openssh = theirs(&host, port, &hashed, None);
        let ours = ours(&target(&host, port, &hashed)).await;
        let case = format!("hashed name, port {port}");
        rows.push(Row {
            case,
            agrees: openssh == ours,
            openssh,
            ours,
            stricter: "",
        });
    }
    for (option, port, text) in narrowing(&host, &key, &ca) {
        let known = folder.path().join("known");
        fs::write(&known, format!("{text}\n")).unwrap();
        let openssh = theirs_with(&host, port, &known, None, &option);
        let ours = match with(target(&host, port, &known), folder.path(), &option) {
            Ok(target) => connect(&target, &NoPrompt).await.map(|_| ()),
            Err(error) => Err(error),
        };
        let ours = ours.map_or_else(|error| format!("refused ({error})"), |()| "accepted".to_owned());
        rows.push(Row {
            case: option,
            agrees: ours.starts_with(&openssh),
            openssh,
            ours,
            stricter: "",
        });
    }
    // What is recorded hashed is what ssh knows.
    let recorded = folder.path().join("recorded");
    let mut target = with(
        target(&host, NO_CERTIFICATE, &recorded),
        folder.path(),
        "HashKnownHosts yes",
    )
    .unwrap();
    target.accept_new_host_key = true;
    connect(&target, &NoPrompt).await.unwrap();
    let text = fs::read_to_string(&recorded).unwrap();
    assert!(text.starts_with("|1|") && !text.contains(&a), "{text}");
    assert_eq!(theirs(&host, NO_CERTIFICATE, &recorded, None), "accepted");
    judge(&rows);
}

/// Options that narrow a connection, with what is known of the host. Whatever ends without a login is refused.
fn narrowing(host: &TestHost, key: &str, ca: &str) -> Vec<(String, u16, String)> {
    let a = host.address();
    let plain = |option: &str| {
        let known = format!("[{a}]:{NO_CERTIFICATE} {key}");
        (option.to_owned(), NO_CERTIFICATE, known)
    };
    let signed = |option: &str| (option.to_owned(), GOOD, format!("@cert-authority * {ca}"));
    let gateway = format!("BindAddress {}", crate::support::lab().gateway());
    vec![
        plain("HostKeyAlgorithms ssh-ed25519"),
        plain("HostKeyAlgorithms rsa-sha2-512"),
        plain("HostKeyAlgorithms -ssh-ed25519*"),
        signed("HostKeyAlgorithms ssh-ed25519-cert-v01@openssh.com"),
        signed("HostKeyAlgorithms ssh-ed25519"),
        signed("CASignatureAlgorithms ssh-ed25519"),
        signed("CASignatureAlgorithms rsa-sha2-512"),
        plain("CASignatureAlgorithms rsa-sha2-512"),
        plain("PubkeyAuthentication no"),
        plain("PreferredAuthentications password"),
        plain("PreferredAuthentications password,publickey"),
        plain("PubkeyAcceptedAlgorithms rsa-sha2-512"),
        plain("PubkeyAcceptedAlgorithms ssh-ed25519"),
        plain("Ciphers aes256-ctr"),
        plain("Ciphers aes128-cbc"),
        plain("KexAlgorithms curve25519-sha256"),
        plain("KexAlgorithms diffie-hellman-group1-sha1"),
        plain("MACs hmac-sha2-256"),
        plain("RequiredRSASize 4096"),
        plain("AddressFamily inet"),
        plain("AddressFamily inet6"),
        plain("BindAddress 127.0.0.1"),
        plain(&gateway),
        plain("BatchMode yes"),
    ]
}

/// A target as it is with a configuration of one line.
fn with(mut target: Target, folder: &Path, option: &str) -> Result<Target, HostError> {
    use std::os::unix::fs::PermissionsExt as _;
    let path = folder.join("one-line");
    fs::write(&path, format!("{option}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let config = SshConfig {
        files: vec![ConfigFile {
            path,
            folder: folder.to_owned(),
            personal: true,
            required: true,
        }],
        operator: Operator::current().unwrap(),
    };
    ssh_config::complete(&mut target, &config)?;
    Ok(target)
}

/// The same file for both: over the host to itself and once more, a certificate of the operator as the only way in.
#[tokio::test(flavor = "multi_thread")]
async fn jumps_and_certificates_of_the_operator_work_as_with_ssh() {
    let host = boot("ssh-jumps");
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    for (name, kind) in [("ca", "ed25519"), ("ed", "ed25519"), ("rsa", "rsa")] {
        keygen(&["-t", kind, "-N", "", "-f", &at(name)]);
    }
    for name in ["ed", "rsa"] {
        keygen(&[
            "-s",
            &at("ca"),
            "-I",
            "operator",
            "-n",
            "root",
            "-V",
            "-1d:+52w",
            &at(&format!("{name}.pub")),
        ]);
    }
    fs::rename(at("rsa-cert.pub"), at("elsewhere.pub")).unwrap();
    host.sh(&format!(
        "echo 'cert-authority {}' >>/root/.ssh/authorized_keys",
        public(&folder.path().join("ca.pub"))
    ));
    let key = host.sh("cut -d' ' -f1,2 /etc/ssh/ssh_host_ed25519_key.pub");
    fs::write(at("known"), format!("{},127.0.0.1,inner {key}\n", host.address())).unwrap();
    let config = format!(
        "Host first\n HostName {}\n IdentityFile {}\nHost second\n HostName 127.0.0.1\n IdentityFile {}\nHost third\n \
         HostName 127.0.0.1\n HostKeyAlias inner\n ProxyJump first,second\n IdentityFile {}\n CertificateFile {}\nHost \
         nowhere\n HostName 127.0.0.1\n ProxyJump fourth\nHost fourth\n HostName 127.0.0.1\n ProxyJump nowhere\nHost \
         unknown\n HostName {}\n HostKeyAlias stranger\nHost behind\n HostName 127.0.0.1\n ProxyJump unknown\nMatch all\n \
         User root\n IdentitiesOnly yes\n UserKnownHostsFile {}\n GlobalKnownHostsFile /dev/null\n \
         StrictHostKeyChecking yes\n",
        host.address(),
        host.key().display(),
        at("ed"),
        at("rsa"),
        at("elsewhere.pub"),
        host.address(),
        at("known"),
    );
    fs::write(at("config"), config).unwrap();
    let config = SshConfig {
        files: vec![ConfigFile {
            path: at("config").into(),
            folder: folder.path().to_owned(),
            personal: true,
            required: true,
        }],
        operator: Operator::current().unwrap(),
    };
    let complete = |name: &str| {
        let mut target = Target {
            name: "mx1".to_owned(),
            address: name.to_owned(),
            ..Target::default()
        };
        ssh_config::complete(&mut target, &config).map(|()| target)
    };
    for name in ["first", "third"] {
        let output = ssh()
            .args(["-o", "BatchMode=yes", "-F", &at("config"), name, "true"])
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{name}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        let target = complete(name).unwrap();
        assert_eq!(target.jumps.len(), if name == "third" { 2 } else { 0 });
        let mut session = connect(&target, &NoPrompt).await.unwrap();
        assert_eq!(session.facts(&[], None).await.unwrap().login, "root", "{name}");
    }
    let circle = complete("nowhere").unwrap_err().to_string();
    assert!(
        circle.contains("lead back to itself") && circle.contains("config:"),
        "{circle}"
    );
    // A host on the way is verified like any other.
    let refused = connect(&complete("behind").unwrap(), &NoPrompt)
        .await
        .map(|_| ())
        .unwrap_err();
    assert!(matches!(refused, HostError::HostKey(_)), "{refused:?}");
    assert!(
        refused.to_string().contains("unknown (on the way to mx1)"),
        "{refused}"
    );
}
