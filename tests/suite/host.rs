//! Reaching a real host: logins, sudo, host keys, the lock, and a connection that breaks.

use std::path::PathBuf;

use mailprov::host::connection::{NoPrompt, Prompt, Target, connect};
use mailprov::host::script::Script;
use mailprov::host::session::Session;
use mailprov::host::{HostError, ReadHost as _, WriteHost as _};
use mailprov::lab::{HostSpec, LabHost, Login};
use mailprov::secret::Secret;

use crate::support::{Site, boot, boot_all, until};

/// The right way to reach a lab host.
fn target(host: &LabHost) -> Target {
    let mut target = Target {
        name: host.name().to_owned(),
        address: host.address().to_string(),
        user: host.login().user().to_owned(),
        identity_files: vec![host.key()],
        known_hosts: vec![host.known_hosts().unwrap()],
        ..Target::default()
    };
    match host.login() {
        Login::RootPassword(password) => {
            target.identity_files.clear();
            target.password = Some(Secret::new(password));
        }
        Login::Sudo { password, .. } => target.sudo_password = password.as_deref().map(Secret::new),
        Login::RootKey => {}
    }
    target
}

/// Somebody who knows one password.
struct Knows(&'static str);

impl Prompt for Knows {
    fn trust_host_key(&self, _host: &str, _fingerprint: &str) -> Option<bool> {
        None
    }

    fn password(&self, _question: &str) -> Option<Secret> {
        Some(Secret::new(self.0))
    }
}

/// Connects, asks for facts, runs a fragment as whoever the shell is; the round trips of all that.
async fn works(target: &Target, prompt: &dyn Prompt) -> Result<u64, HostError> {
    let mut session = connect(target, prompt).await?;
    let facts = session.facts(&["sudo".to_owned()], Some("a test")).await?;
    assert_eq!(facts.distribution, "debian");
    assert_eq!(
        facts.login,
        if target.user.is_empty() {
            "root"
        } else {
            &target.user
        }
    );
    assert!(facts.packages.contains_key("sudo"), "{facts:?}");
    let script = Script::new().code("id -u; ps -eo args");
    let (answers, _) = session.batch(&[script], &[], &mut |_, _| {}).await?;
    let output = String::from_utf8_lossy(&answers[0].output);
    assert!(output.starts_with("0\n"), "{output}");
    for secret in [&target.password, &target.sudo_password].into_iter().flatten() {
        assert!(
            !output.contains(secret.expose()),
            "a password stands in a process's arguments"
        );
    }
    let trips = session.round_trips();
    session.finish(None).await?;
    Ok(trips)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_in_ends_as_root() {
    let sudo = |password: Option<&str>| Login::Sudo {
        user: "admin".into(),
        password: password.map(str::to_owned),
    };
    let hosts = boot_all(vec![
        HostSpec::new("in-password").login(Login::RootPassword("s3cret word".into())),
        HostSpec::new("in-free").login(sudo(None)),
        HostSpec::new("in-sudo").login(sudo(Some("o'pen $esame"))),
    ]);
    assert_eq!(works(&target(&hosts[0]), &NoPrompt).await, Ok(2));
    // One more to learn that no password is needed.
    assert_eq!(works(&target(&hosts[1]), &NoPrompt).await, Ok(3));
    // A password that sudo does not ask for goes nowhere.
    let mut unasked = target(&hosts[1]);
    unasked.sudo_password = Some(Secret::new("touch /tmp/ran"));
    assert_eq!(works(&unasked, &NoPrompt).await, Ok(2));
    assert!(!hosts[1].succeeds("test -e /tmp/ran"));

    let asking = target(&hosts[2]);
    assert_eq!(works(&asking, &NoPrompt).await, Ok(2));
    let nothing_known = Target {
        sudo_password: None,
        ..asking.clone()
    };
    works(&nothing_known, &Knows("o'pen $esame")).await.unwrap();
    let refused = |error: HostError, part: &str| {
        assert!(matches!(error, HostError::Refused(_)), "{error:?}");
        assert!(error.to_string().contains(part), "{error}");
    };
    refused(
        works(&nothing_known, &NoPrompt).await.unwrap_err(),
        "set `sudo_password`",
    );
    refused(
        works(&nothing_known, &Knows("wrong")).await.unwrap_err(),
        "sudo refused the password",
    );
    let wrong = Target {
        sudo_password: Some(Secret::new("wrong")),
        ..asking.clone()
    };
    refused(
        works(&wrong, &NoPrompt).await.unwrap_err(),
        "sudo refused the password",
    );
    hosts[2].sh("gpasswd -d admin sudo; rm -f /etc/sudoers.d/*");
    refused(
        works(&asking, &NoPrompt).await.unwrap_err(),
        "may not become root",
    );
    let mut stranger = target(&hosts[0]);
    stranger.password = Some(Secret::new("wrong"));
    refused(works(&stranger, &NoPrompt).await.unwrap_err(), "tried: password");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_right_host_key_is_trusted() {
    let host = boot("keys");
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| -> Vec<PathBuf> {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        vec![path]
    };
    let good = target(&host);
    let address = host.address();
    works(&good, &NoPrompt).await.unwrap();

    let other = "AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";
    let changed = file("changed", &format!("{address} ssh-ed25519 {other}\n"));
    let revoked = file(
        "revoked",
        &format!("@revoked * {}\n{address} {0}\n", host.host_key().unwrap()),
    );
    let other_kind = file("other", &format!("{address} ssh-unheard-of {other}\n"));
    for (files, part) in [
        (changed, "changed:1 has another ssh-ed25519 key"),
        (revoked, "is revoked"),
        (other_kind, "known by ssh-unheard-of"),
    ] {
        let refused = Target {
            known_hosts: files,
            accept_new_host_key: true,
            ..good.clone()
        };
        let error = works(&refused, &NoPrompt).await.unwrap_err();
        assert!(matches!(error, HostError::HostKey(_)), "{error:?}");
        assert!(error.to_string().contains(part), "{error}");
    }

    let unknown = Target {
        known_hosts: vec![folder.path().join("ssh/unknown")],
        ..good.clone()
    };
    let error = works(&unknown, &NoPrompt).await.unwrap_err();
    let fingerprint = host.host_key_fingerprint().unwrap();
    assert!(error.to_string().contains(&fingerprint), "{error}");
    assert!(error.to_string().contains("--accept-new-host-key"), "{error}");
    assert!(!unknown.known_hosts[0].exists());

    let by_fingerprint = Target {
        host_key_fingerprint: Some(fingerprint),
        ..unknown.clone()
    };
    works(&by_fingerprint, &NoPrompt).await.unwrap();
    let wrong_fingerprint = Target {
        host_key_fingerprint: Some("SHA256:nonsense".into()),
        ..good.clone()
    };
    assert!(
        works(&wrong_fingerprint, &NoPrompt).await.is_err(),
        "whatever the known hosts say"
    );

    let accepting = Target {
        accept_new_host_key: true,
        ..unknown.clone()
    };
    works(&accepting, &NoPrompt).await.unwrap();
    works(&unknown, &NoPrompt).await.unwrap();
}

async fn begin(session: &mut Session, fragments: &[Script]) {
    let (sender, mut begun) = tokio::sync::mpsc::unbounded_channel();
    let mut progress = move |_: usize, _: &str| {
        let _ = sender.send(());
    };
    tokio::select! {
        result = session.batch(fragments, &[], &mut progress) => panic!("too early: {result:?}"),
        _ = begun.recv() => {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fragment_outlives_its_connection_and_keeps_the_lock_meanwhile() {
    let host = boot_all(vec![HostSpec::new("loss").login(Login::Sudo {
        user: "admin".into(),
        password: Some("pw".into()),
    })])
    .remove(0);
    let target = target(&host);
    let mut session = connect(&target, &NoPrompt).await.unwrap();
    session.facts(&[], Some("anna@desk")).await.unwrap();
    let fragments = [
        Script::new().code(
            "echo 'mailprov: begun' >&2; while [ ! -e /tmp/go ]; do sleep 0.1; done\n\
             echo 'mailprov: nobody hears this' >&2; seq 20000; seq 20000 >&2; echo whole >/tmp/first",
        ),
        Script::new().code("echo >/tmp/second"),
    ];
    begin(&mut session, &fragments).await;
    drop(session);

    let mut other = connect(&target, &NoPrompt).await.unwrap();
    let error = other.facts(&[], Some("bert@desk")).await.unwrap_err();
    assert!(matches!(error, HostError::Locked(_)), "{error:?}");
    assert!(error.to_string().contains("anna@desk since 20"), "{error}");
    host.sh("touch /tmp/go");
    until("the fragment ends", || host.succeeds("test -s /tmp/first"));
    until("the session's folder is gone", || {
        host.sh("ls /run/mailprov 2>/dev/null | wc -l") == "0"
    });
    other.facts(&[], Some("bert@desk")).await.unwrap();
    other.finish(Some("{\"run\": 1}")).await.unwrap();
    assert!(!host.succeeds("test -e /tmp/second"));
    assert_eq!(
        host.sh("cat /var/lib/mailprov/runs/*; stat -c %a /var/lib/mailprov/runs/*"),
        "{\"run\": 1}600"
    );
    assert_eq!(
        host.sh("stat -c %a /var/lib/mailprov /run/mailprov.lock /run/mailprov"),
        "700\n600\n700"
    );
}

#[test]
fn facts_are_shown_and_an_unreachable_host_does_not_hide_the_others() {
    let host = boot("facts");
    let site = Site::new().host(&host, &[], "");
    site.mailprov(&["facts"]).exits(0).says("debian 13 (trixie)");
    site.mailprov(&["facts", "--limit", "nobody"]).exits(2);
    host.sh("systemctl stop ssh.socket ssh.service 2>/dev/null || systemctl stop ssh.service");
    site.mailprov(&["facts"]).exits(6).says("can't be reached");
}
