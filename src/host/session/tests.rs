//! The session over a local `sh`: real shells, no SSH.

use std::process::Stdio;

use super::*;

mod kept;

/// A session over a local shell, with folders of its own.
async fn local(shell: &str, folder: &std::path::Path) -> (Session, tokio::process::Child) {
    let nonce = nonce().unwrap();
    let mut child = tokio::process::Command::new(shell)
        .args(["-c", LOADER, "sh", &nonce])
        .env("LC_ALL", "C")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .kill_on_drop(false)
        .spawn()
        .unwrap();
    let wire = Wire {
        reader: Box::new(child.stdout.take().unwrap()),
        writer: Box::new(child.stdin.take().unwrap()),
        ended: Ended::unasked(),
        notes: wire::Notes::default(),
        close: Box::new(|| Box::pin(async {})),
    };
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let places = Places {
        run: path("run"),
        lock: path("lock"),
        state: path("state"),
    };
    let session = Session::start("local", wire, nonce, &places).await.unwrap();
    (session, child)
}

async fn run(session: &mut Session, fragments: &[&str]) -> (Vec<Answer>, Vec<(usize, String)>) {
    let scripts: Vec<Script> = fragments.iter().map(|f| Script::new().authored(f)).collect();
    let mut lines = Vec::new();
    let (answers, _) = session
        .batch(&scripts, &[], &mut |index, line| {
            lines.push((index, line.to_owned()))
        })
        .await
        .unwrap();
    (answers, lines)
}

/// `sh`, and bash in its place where there is one.
fn shells() -> Vec<&'static str> {
    ["sh", "dash", "bash"]
        .into_iter()
        .filter(|shell| {
            std::process::Command::new(shell)
                .args(["-c", "exit 0"])
                .status()
                .is_ok()
        })
        .collect()
}

#[tokio::test]
async fn a_converged_host_costs_three_round_trips_however_much_is_asked() {
    for count in [1, 63, 400] {
        let folder = tempfile::tempdir().unwrap();
        let (mut session, _child) = local("sh", folder.path()).await;
        let probes: Vec<Probe> = (0..count)
            .map(|i| match i % 3 {
                0 => Probe::Path {
                    path: format!("{}/{i}", folder.path().display()),
                    unless: Some(String::new()),
                },
                1 => Probe::Group(format!("group{i}")),
                _ => Probe::Check(format!("test -e /nonexistent-{i}")),
            })
            .collect();
        session.facts(&[], Some("somebody")).await.unwrap();
        session.probe(&probes).await.unwrap();
        session.finish(Some("{}")).await.unwrap();
        assert_eq!(session.round_trips(), 3, "{count} probes");
    }
}

#[tokio::test]
async fn fragments_are_told_apart() {
    for shell in shells() {
        let folder = tempfile::tempdir().unwrap();
        let (mut session, _child) = local(shell, folder.path()).await;
        let (answers, lines) = run(
            &mut session,
            &[
                "printf 'no newline'; echo whoops >&2; exit 3",
                "if then; fi",
                "mailprov_x=1; echo \"[$mailprov_x$#]\"; echo 'mailprov: half way' >&2; printf 'last' >&2",
                "echo \"[${mailprov_y:-unset}]\"; cat",
                "printf '\\0\\377'",
                "kill -9 $(sh -c 'echo $PPID'); echo survived",
            ],
        )
        .await;
        assert_eq!(answers.len(), 6, "{shell}");
        assert_eq!(
            (answers[0].status, answers[0].output.as_slice()),
            (3, &b"no newline"[..])
        );
        assert_eq!(answers[0].errors, "whoops");
        assert_ne!(
            answers[1].status, 0,
            "{shell}: a syntax error is the fragment's own"
        );
        assert_eq!(answers[2].output, b"[10]\n");
        assert_eq!(answers[2].errors, "last");
        assert_eq!(lines, [(2, "half way".to_owned())]);
        assert_eq!(answers[3].output, b"[unset]\n");
        assert_eq!(answers[4].output, b"\0\xff");
        assert_eq!(answers[5].status, 137, "{shell}");
        assert_eq!(session.round_trips(), 1);
        // The shell is as good as new.
        let (answers, _) = run(&mut session, &["echo again"]).await;
        assert_eq!(answers[0].output, b"again\n");
    }
}

#[tokio::test]
async fn much_output_and_many_fragments_come_whole() {
    let folder = tempfile::tempdir().unwrap();
    let (mut session, _child) = local("sh", folder.path()).await;
    let (answers, _) = run(
        &mut session,
        &[
            "head -c 3000000 /dev/zero | tr '\\0' a; head -c 300000 /dev/zero | tr '\\0' b >&2",
            "head -c 9000000 /dev/zero",
        ],
    )
    .await;
    assert_eq!(answers[0].output, vec![b'a'; 3_000_000]);
    assert_eq!(answers[0].errors, "b".repeat(300_000));
    assert_eq!(answers[1].output.len(), 4 << 20, "cut at the limit");
    let many: Vec<String> = (0..200).map(|i| format!("echo {i}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let (answers, _) = run(&mut session, &many).await;
    for (i, answer) in answers.iter().enumerate() {
        assert_eq!(answer.output, format!("{i}\n").into_bytes());
    }
}

#[tokio::test]
async fn a_big_script_arrives_whole() {
    let folder = tempfile::tempdir().unwrap();
    let (mut session, _child) = local("sh", folder.path()).await;
    let data: Vec<u8> = (0..2_000_000u32).map(|i| (i % 251) as u8).collect();
    let script = Script::new().data(&data).code(" | sha256sum\n");
    let (answers, _) = session.batch(&[script], &[], &mut |_, _| {}).await.unwrap();
    use sha2::Digest as _;
    let expected: String = sha2::Sha256::digest(&data)
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    assert_eq!(answers[0].output, format!("{expected}  -\n").into_bytes());
}

#[tokio::test]
async fn progress_comes_while_the_fragment_runs() {
    let folder = tempfile::tempdir().unwrap();
    let (mut session, _child) = local("sh", folder.path()).await;
    let flag = folder.path().join("flag");
    // The fragment waits for what only its own progress sets off: would it come late, this would not end.
    let script = Script::new()
        .code("echo 'mailprov: waiting' >&2\nwhile [ ! -e")
        .word(flag.to_str().unwrap())
        .code(" ]; do sleep 0.05; done\n");
    let mut progress = |_: usize, line: &str| {
        assert_eq!(line, "waiting");
        std::fs::write(&flag, "").unwrap();
    };
    let scripts = [script];
    let batch = session.batch(&scripts, &[], &mut progress);
    tokio::time::timeout(Duration::from_secs(120), batch)
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn a_daemon_that_keeps_standard_error_open_holds_nothing_up() {
    let folder = tempfile::tempdir().unwrap();
    let (mut session, _child) = local("sh", folder.path()).await;
    let stop = folder.path().join("stop");
    let start = format!(
        "(i=0; while [ ! -e {0} ] && [ $i -lt 3000 ]; do sleep 0.1; i=$((i+1)); done) & echo started",
        stop.display()
    );
    let (answers, _) = tokio::time::timeout(
        Duration::from_secs(120),
        run(&mut session, &[&start, "echo next"]),
    )
    .await
    .unwrap();
    assert_eq!(answers[1].output, b"next\n");
    std::fs::write(stop, "").unwrap();
}

#[tokio::test]
async fn a_fragment_survives_the_loss_of_the_connection_and_the_next_is_not_begun() {
    for shell in shells() {
        let folder = tempfile::tempdir().unwrap();
        let (mut session, mut child) = local(shell, folder.path()).await;
        let path = |name: &str| folder.path().join(name);
        let first = format!(
            "echo 'mailprov: begun' >&2; while [ ! -e {0} ]; do sleep 0.05; done; \
             i=0; while [ $i -lt 2000 ]; do echo 'mailprov: noise'; echo 'mailprov: noise' >&2; i=$((i+1)); done; \
             cat /dev/null | cat; echo whole >{1}",
            path("go").display(),
            path("first").display()
        );
        let second = format!("echo >{}", path("second").display());
        let scripts = [Script::new().authored(&first), Script::new().authored(&second)];
        {
            let (sender, mut begun) = tokio::sync::mpsc::unbounded_channel();
            let mut progress = move |_: usize, _: &str| {
                let _ = sender.send(());
            };
            let batch = session.batch(&scripts, &[], &mut progress);
            tokio::select! {
                _ = batch => panic!("the fragment can't end yet"),
                _ = begun.recv() => {}
            }
        }
        // An abandoned answer makes the session useless, instead of out of step.
        let error = session.facts(&[], None).await.unwrap_err();
        assert!(matches!(error, HostError::Protocol(_)), "{error}");
        drop(session);
        std::fs::write(path("go"), "").unwrap();
        tokio::time::timeout(Duration::from_secs(120), child.wait())
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            std::fs::read_to_string(path("first")).unwrap(),
            "whole\n",
            "{shell}"
        );
        assert!(!path("second").exists(), "{shell}");
        let left = std::fs::read_dir(path("run")).unwrap().count();
        assert_eq!(left, 0, "{shell}: the session's folder is gone");
    }
}

#[tokio::test]
async fn the_nonce_of_frames_is_no_argument() {
    let folder = tempfile::tempdir().unwrap();
    let (mut session, child) = local("sh", folder.path()).await;
    let (answers, _) = run(&mut session, &["true"]).await;
    assert_eq!(answers[0].status, 0);
    let arguments = std::fs::read_to_string(format!("/proc/{}/cmdline", child.id().unwrap())).unwrap();
    assert!(arguments.contains("mailprov_nonce") && !arguments.contains(&session.nonce));
}

#[tokio::test]
async fn the_lock_is_held_by_the_shell_and_not_by_what_it_starts() {
    let folder = tempfile::tempdir().unwrap();
    let (mut first, mut child) = local("sh", folder.path()).await;
    let facts = first.facts(&[], Some("anna@desk, process 7")).await.unwrap();
    assert!(facts.clock > 1_700_000_000 && facts.memory > 0, "{facts:?}");
    let stop = folder.path().join("stop");
    let daemon = format!(
        "(i=0; while [ ! -e {0} ] && [ $i -lt 3000 ]; do sleep 0.1; i=$((i+1)); done) & :",
        stop.display()
    );
    run(&mut first, &[&daemon]).await;

    let (mut second, _child) = local("sh", folder.path()).await;
    let error = second.facts(&[], Some("bert@desk")).await.unwrap_err();
    assert!(matches!(error, HostError::Locked(_)));
    assert!(
        error.to_string().contains("anna@desk, process 7 since 20"),
        "{error}"
    );
    // Reading needs no lock.
    second.facts(&[], None).await.unwrap();

    first.finish(Some("{\"who\": \"anna\"}")).await.unwrap();
    drop(first);
    child.wait().await.unwrap();
    second.facts(&[], Some("bert@desk")).await.unwrap();
    let records: Vec<_> = std::fs::read_dir(folder.path().join("state/runs"))
        .unwrap()
        .map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap())
        .collect();
    assert_eq!(records, ["{\"who\": \"anna\"}"]);
    std::fs::write(stop, "").unwrap();
}

#[tokio::test]
async fn a_control_machine_that_vanishes_keeps_neither_shell_nor_lock() {
    for shell in shells() {
        let folder = tempfile::tempdir().unwrap();
        let (mut session, mut child) = local(shell, folder.path()).await;
        let quick = session.framed("mailprov_beat=1 mailprov_beats=4");
        session.send(&quick).await.unwrap();
        session.facts(&[], Some("anna@desk")).await.unwrap();
        // It works for longer than it may be silent, and then it waits, and hears of us.
        run(&mut session, &["sleep 7"]).await;
        let signs = signs_of_life(
            session.wire.writer.clone(),
            Ended::unasked(),
            Duration::from_millis(100),
        );
        let _ = tokio::time::timeout(Duration::from_secs(7), signs).await;
        let (answers, _) = run(&mut session, &["echo alive"]).await;
        assert_eq!(answers[0].output, b"alive\n", "{shell}");

        // The connection stays open, and nobody says anything.
        let ended = tokio::time::timeout(Duration::from_secs(60), child.wait()).await;
        assert!(ended.is_ok(), "{shell}: the shell waits for ever");
        let (mut next, _child) = local(shell, folder.path()).await;
        next.facts(&[], Some("bert@desk")).await.unwrap();
        run(&mut next, &["true"]).await;
        let left = || std::fs::read_dir(folder.path().join("run")).unwrap().count();
        assert_eq!(left(), 1, "{shell}: only the new session's folder is there");
        drop(session);
    }
}

#[tokio::test]
async fn a_shell_that_goes_away_is_an_error_with_its_last_words() {
    let (reader, mut host) = tokio::io::duplex(1024);
    use tokio::io::AsyncWriteExt as _;
    host.write_all(b"This account is currently not available.\n")
        .await
        .unwrap();
    drop(host);
    let wire = Wire {
        reader: Box::new(reader),
        writer: Box::new(tokio::io::sink()),
        ended: Ended::unasked(),
        notes: wire::Notes::default(),
        close: Box::new(|| Box::pin(async {})),
    };
    let mut session = Session::start("mx1", wire, "n".repeat(32), &Places::default())
        .await
        .unwrap();
    let error = session.facts(&[], None).await.unwrap_err();
    assert!(matches!(error, HostError::Unreachable(_)));
    assert!(error.to_string().contains("currently not available"), "{error}");
}

#[tokio::test]
async fn a_record_is_forgotten_before_what_it_speaks_of_changes() {
    use crate::step::replace::{Record, forgetting};
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let (mut session, _child) = local("sh", folder.path()).await;
    let script = forgetting(&[("x.service", Record::Restart)]);
    let forget = || script.clone().then(&Script::new().authored("echo changed"));
    let (answers, _) = session.batch(&[forget()], &[], &mut |_, _| {}).await.unwrap();
    assert_eq!(
        (answers[0].errors.as_str(), &*answers[0].output),
        ("", &b"changed\n"[..])
    );
    let state = folder.path().join("state");
    let mode = std::fs::metadata(&state).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700, "whoever makes the folder first");
    let record = state.join("services/x.service.restart");
    std::fs::write(&record, "0af3\n").unwrap();
    session.batch(&[forget()], &[], &mut |_, _| {}).await.unwrap();
    assert!(!record.exists());
}

/// A misspelt function would only be missed on a host, by a step that fails.
#[test]
fn every_function_that_a_script_calls_is_in_the_prelude() {
    let mut prelude: String = PRELUDE.iter().chain(observe::PRELUDE).copied().collect();
    // A command that brings its own.
    prelude.push_str(include_str!("../../bootstrap/host.sh"));
    let called = |text: &str| -> Vec<String> {
        let word = |c: char| c.is_ascii_lowercase() || c == '_';
        text.match_indices("code(\"")
            .chain(text.match_indices("code(\" | "))
            .filter_map(|(at, begin)| text[at + begin.len()..].strip_prefix("mailprov_"))
            .map(|rest| rest.split_at(rest.find(|c| !word(c)).unwrap_or(rest.len())))
            .filter(|(_, then)| !then.starts_with('='))
            .map(|(name, _)| format!("mailprov_{name}"))
            .collect()
    };
    let mut seen = 0;
    let mut folders = vec![std::path::PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/src"
    ))];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                for function in called(&std::fs::read_to_string(&path).unwrap()) {
                    seen += 1;
                    let defined = prelude.contains(&format!("\n{function}() {{"));
                    assert!(defined, "{} calls {function}", path.display());
                }
            }
        }
    }
    assert!(seen > 10, "the search finds calls");
}
