//! A server that misbehaves: what the protocol's faults look like to the operator.

use std::sync::Arc;

use russh::keys::PrivateKey;
use russh::keys::ssh_key::private::Ed25519Keypair;
use russh::server::{Auth, ChannelOpenHandle, Config, Handler, Msg, Response, Session as Server};
use russh::{Channel, ChannelId, Disconnect, MethodKind, MethodSet};

use super::*;
use crate::host::script::Script;
use crate::host::{ReadHost as _, WriteHost as _};

#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    /// Executes nothing.
    Refuses,
    /// A login shell that is not one.
    Nologin,
    /// Closes the connection in the middle of an answer.
    HangsUp,
    /// Answers a question that was not asked.
    Confused,
    /// Reads no more in the middle of a request, and then is gone.
    Stalls,
}

struct Mock {
    fault: Fault,
    heard: String,
    stalled: Arc<tokio::sync::Notify>,
}

impl Handler for Mock {
    type Error = russh::Error;

    async fn auth_password(&mut self, _user: &str, _password: &str) -> Result<Auth, russh::Error> {
        Ok(Auth::Reject {
            proceed_with_methods: Some(MethodSet::from(&[MethodKind::KeyboardInteractive][..])),
            partial_success: false,
        })
    }

    async fn auth_keyboard_interactive<'a>(
        &'a mut self,
        _user: &str,
        _submethods: &str,
        response: Option<Response<'a>>,
    ) -> Result<Auth, russh::Error> {
        match response.map(|mut answers| answers.next()) {
            None => Ok(Auth::Partial {
                name: "".into(),
                instructions: "".into(),
                prompts: vec![("Password: ".into(), false)].into(),
            }),
            Some(Some(answer)) if &answer[..] == b"pw" => Ok(Auth::Accept),
            Some(_) => Ok(Auth::reject()),
        }
    }

    async fn channel_open_session(
        &mut self,
        _channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _session: &mut Server,
    ) -> Result<(), russh::Error> {
        reply.accept().await;
        Ok(())
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        _command: &[u8],
        session: &mut Server,
    ) -> Result<(), russh::Error> {
        match self.fault {
            Fault::Refuses => {
                session.channel_failure(channel)?;
                session.close(channel)
            }
            Fault::Nologin => {
                session.channel_success(channel)?;
                session.data(channel, &b"This account is currently not available.\n"[..])?;
                session.exit_status_request(channel, 1)?;
                session.close(channel)
            }
            _ => session.channel_success(channel),
        }
    }

    async fn data(
        &mut self,
        channel: ChannelId,
        data: &[u8],
        session: &mut Server,
    ) -> Result<(), russh::Error> {
        self.heard.push_str(&String::from_utf8_lossy(data));
        if self.fault == Fault::Stalls && self.heard.contains("\nmailprov_fragment 0 ") {
            // Its window grows no more while this waits.
            self.stalled.notify_one();
            std::future::pending::<()>().await;
        }
        let Some((_, rest)) = self.heard.split_once("mailprov_nonce=") else {
            return Ok(());
        };
        let first = &rest[..32.min(rest.len())];
        let Some((_, rest)) = rest.split_once(&format!("\n{first}\n")) else {
            return Ok(());
        };
        let nonce = &rest[..32.min(rest.len())];
        // The request is there, not only the prelude that defines the function.
        if !self.heard.contains("mailprov_answer mailprov_facts") {
            return Ok(());
        }
        match self.fault {
            Fault::HangsUp => {
                session.data(channel, format!("{nonce} o\nlock none\n").into_bytes())?;
                session.disconnect(Disconnect::ByApplication, "going \u{1b}[2Jdown", "")
            }
            _ => session.data(channel, format!("{nonce} f 0 0 1 2 0 0\n").into_bytes()),
        }
    }
}

/// What a server takes before it has worked on what came.
const WINDOW: u32 = 64 << 10;

/// A server for one connection; its port and the fingerprint of its key.
async fn serve(fault: Fault) -> (u16, String) {
    let key = PrivateKey::from(Ed25519Keypair::from_seed(&[7; 32]));
    let fingerprint = key.fingerprint(russh::keys::HashAlg::Sha256).to_string();
    let config = Arc::new(Config {
        keys: vec![key],
        auth_rejection_time: std::time::Duration::ZERO,
        window_size: WINDOW,
        ..Config::default()
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let stalled = Arc::new(tokio::sync::Notify::new());
        let mock = Mock {
            fault,
            heard: String::new(),
            stalled: stalled.clone(),
        };
        // More than the window: what a client may send always leaves it.
        let (mut line, end) = tokio::io::duplex(2 * WINDOW as usize);
        tokio::spawn(async move {
            if let Ok(running) = russh::server::run_stream(config, end, mock).await {
                let _ = running.await;
            }
        });
        let cut = async {
            stalled.notified().await;
            // Time to fill the window. Whenever the line is cut, the client has to notice.
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        };
        tokio::select! {
            _ = tokio::io::copy_bidirectional(&mut stream, &mut line) => {}
            () = cut => {}
        }
    });
    (port, fingerprint)
}

async fn facts_of(fault: Fault, password: &str) -> HostError {
    let (_folder, target) = target(fault, password).await;
    let asked = async {
        let mut session = connect(&target, &NoPrompt).await?;
        session.facts(&[], None).await
    };
    let limit = std::time::Duration::from_secs(120);
    tokio::time::timeout(limit, asked).await.unwrap().unwrap_err()
}

/// What reaches a server with this fault, and a folder that it needs.
async fn target(fault: Fault, password: &str) -> (tempfile::TempDir, Target) {
    let (port, fingerprint) = serve(fault).await;
    let folder = tempfile::tempdir().unwrap();
    let target = Target {
        name: "mx1".into(),
        address: "127.0.0.1".into(),
        port,
        password: Some(Secret::new(password)),
        host_key_fingerprint: Some(fingerprint),
        known_hosts: vec![folder.path().join("none")],
        ..Target::default()
    };
    (folder, target)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_goes_in_the_middle_of_a_long_request_is_noticed() {
    let (_folder, target) = target(Fault::Stalls, "pw").await;
    let sent = async {
        let mut session = connect(&target, &NoPrompt).await?;
        let script = Script::new().data(&vec![b'a'; 16 * WINDOW as usize]);
        session.batch(&[script], &[], &mut |_, _| {}).await
    };
    let limit = std::time::Duration::from_secs(120);
    let error = tokio::time::timeout(limit, sent).await.unwrap().unwrap_err();
    assert!(
        matches!(&error, HostError::Unreachable(words) if words.contains("the connection was lost")),
        "{error:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_of_a_host_are_errors_that_say_what_was_seen() {
    for (fault, unreachable, part) in [
        (Fault::Refuses, true, "does not execute commands"),
        (Fault::Nologin, true, "This account is currently not available"),
        (Fault::HangsUp, true, "the host hung up: going [2Jdown"),
        (Fault::Confused, false, "an answer to another request"),
    ] {
        let error = facts_of(fault, "pw").await;
        let matches = match &error {
            HostError::Unreachable(_) => unreachable,
            HostError::Protocol(_) => !unreachable,
            _ => false,
        };
        assert!(matches, "{fault:?}: {error:?}");
        assert!(error.to_string().contains(part), "{fault:?}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_that_only_keyboard_interactive_takes_is_tried_once_each_way() {
    let error = facts_of(Fault::Refuses, "wrong").await;
    assert!(matches!(error, HostError::Refused(_)), "{error:?}");
    assert!(
        error
            .to_string()
            .contains("tried: password, keyboard-interactive"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_answers_without_speaking_ssh_is_no_host() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        use tokio::io::AsyncWriteExt as _;
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"220 mx1 ESMTP\r\n").await.unwrap();
    });
    let target = Target {
        name: "mx1".into(),
        address: "127.0.0.1".into(),
        port,
        known_hosts: vec!["/nonexistent".into()],
        ..Target::default()
    };
    let error = connect(&target, &NoPrompt).await.unwrap_err();
    assert!(matches!(error, HostError::Unreachable(_)), "{error:?}");
    assert!(error.to_string().contains("is that an SSH server?"), "{error}");
}

/// PAM asks for the new password within the login, as sshd has it with `KbdInteractiveAuthentication yes`.
struct Expiring(Vec<String>);

impl Handler for Expiring {
    type Error = russh::Error;

    async fn auth_keyboard_interactive<'a>(
        &'a mut self,
        _user: &str,
        _submethods: &str,
        response: Option<Response<'a>>,
    ) -> Result<Auth, russh::Error> {
        if let Some(answers) = response {
            self.0
                .extend(answers.map(|answer| String::from_utf8_lossy(&answer).into_owned()));
        }
        let questions = [
            "Password: ",
            "Current password: ",
            "New password: ",
            "Retype new password: ",
        ];
        Ok(match questions.get(self.0.len()) {
            Some(question) => Auth::Partial {
                name: "".into(),
                instructions:
                    "You are required to change your password immediately (administrator enforced).".into(),
                prompts: vec![((*question).into(), false)].into(),
            },
            None if self.0 == ["old", "old", "brand new", "brand new"] => Auth::Accept,
            None => Auth::reject(),
        })
    }
}

struct Says(Option<&'static str>);

impl Prompt for Says {
    fn trust_host_key(&self, _host: &str, _fingerprint: &str) -> Option<bool> {
        None
    }

    fn password(&self, _question: &str) -> Option<Secret> {
        None
    }

    fn new_password(&self, login: &str) -> Result<Option<Secret>, HostError> {
        assert_eq!(login, "root on mx1");
        Ok(self.0.map(Secret::new))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_password_that_the_login_itself_demands_is_given() {
    for (new, accepted) in [(Some("brand new"), true), (None, false)] {
        let key = PrivateKey::from(Ed25519Keypair::from_seed(&[7; 32]));
        let fingerprint = key.fingerprint(russh::keys::HashAlg::Sha256).to_string();
        let config = Arc::new(Config {
            keys: vec![key],
            methods: MethodSet::from(&[MethodKind::KeyboardInteractive][..]),
            auth_rejection_time: std::time::Duration::ZERO,
            ..Config::default()
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            if let Ok(running) = russh::server::run_stream(config, stream, Expiring(Vec::new())).await {
                let _ = running.await;
            }
        });
        let target = Target {
            name: "mx1".into(),
            address: "127.0.0.1".into(),
            port,
            user: "root".into(),
            password: Some(Secret::new("old")),
            host_key_fingerprint: Some(fingerprint),
            known_hosts: vec!["/nonexistent".into()],
            no_identity_files: true,
            ..Target::default()
        };
        match enter(&target, &Says(new)).await {
            Ok((.., password)) => {
                assert!(accepted);
                assert_eq!(password.as_ref().map(Secret::expose), new);
            }
            Err(error) => {
                assert!(!accepted, "{error}");
                assert!(matches!(error, HostError::Expired(_)), "{error:?}");
            }
        }
    }
}
