//! The book's tutorial, done: its commands on a terminal, one after the other, beginning with an empty folder and a host
//! as a provider hands it over. What they print is what the page shows, but for numbers, fingerprints and times.
//!
//! In what the page shows a line `…` stands for any lines. When the two differ the test prints what really came.

mod howto;
mod removal;

use std::fs;
use std::path::{Path, PathBuf};

use mailprov::secret::Secret;
use mailprov::verify::{Mailbox, Subject, Verdict};
use rexpect::ReadUntil;

use crate::support::Run;
use crate::support::provider::{PASSWORD, Provided};
use crate::support::terminal::spawn_for;

/// A command of the page and what it shows of the answer.
struct Step {
    command: String,
    shown: Vec<String>,
}

/// The ```console blocks of the page.
fn steps() -> Vec<Step> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("book/src/tutorial.md");
    let page = fs::read_to_string(page).unwrap();
    let mut steps: Vec<Step> = Vec::new();
    let mut inside = false;
    for line in page.lines() {
        if line.starts_with("```") {
            inside = line == "```console";
        } else if let Some(command) = line.strip_prefix("$ ").filter(|_| inside) {
            let shown = Vec::new();
            steps.push(Step {
                command: command.to_owned(),
                shown,
            });
        } else if inside {
            let step = steps.last_mut().expect("a command before its answer");
            match step.command.strip_suffix('\\') {
                Some(begun) if step.shown.is_empty() => {
                    step.command = format!("{begun}{}", line.trim_start());
                }
                _ => step.shown.push(line.to_owned()),
            }
        }
    }
    steps
}

/// What differs from run to run: numbers and fingerprints.
fn plain(line: &str) -> String {
    let words = line.split(' ').map(|word| match word.find("SHA256:") {
        Some(at) => format!("{}SHA256", &word[..at]),
        None => word.to_owned(),
    });
    let line = words.collect::<Vec<_>>().join(" ");
    let mut plain = String::new();
    for c in line.trim_end().chars() {
        match c {
            '0'..='9' | '.' if plain.ends_with('0') => {}
            '0'..='9' => plain.push('0'),
            _ => plain.push(c),
        }
    }
    // Columns are as wide as the numbers in them; a slow step is followed by its seconds.
    let plain = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    plain.strip_suffix(" 0 s").map(str::to_owned).unwrap_or(plain)
}

fn matches(shown: &[String], came: &[String]) -> bool {
    match shown.split_first() {
        None => came.is_empty(),
        Some((line, rest)) if line == "…" => (0..=came.len()).any(|skip| matches(rest, &came[skip..])),
        Some((line, rest)) => came
            .split_first()
            .is_some_and(|(first, came)| plain(line) == plain(first) && matches(rest, came)),
    }
}

/// Somebody at a terminal in `folder`.
struct Operator {
    home: tempfile::TempDir,
    folder: PathBuf,
}

impl Operator {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().to_owned();
        Self { home, folder }
    }

    /// Types a command and answers what it asks; what stood on the screen then, and how it ended.
    fn types(&self, command: &str, host: &Provided) -> (Vec<String>, i32) {
        let mut command = Run::typed(self.home.path(), &self.folder, command);
        command.env("TERM", "dumb");
        // A whole server is installed by one of the commands.
        let mut screen = spawn_for(command, 30 * 60);
        let mut text = String::new();
        loop {
            let waits = [
                "Trust it? (yes/no) ",
                "Password of root on mx1.example.org: ",
                "waiting for cloud-init",
                "waiting for process",
            ];
            let mut needles: Vec<ReadUntil> = waits
                .iter()
                .map(|wait| ReadUntil::String((*wait).to_owned()))
                .collect();
            needles.push(ReadUntil::EOF);
            let (before, found) = screen.exp_any(needles).unwrap();
            text += &before;
            text += &found;
            match waits.iter().position(|wait| *wait == found) {
                Some(0) => {
                    screen.send_line("yes").unwrap();
                    // The session's terminal shows no answers; people's does.
                    text += "yes\n";
                }
                Some(1) => drop(screen.send_line(PASSWORD).unwrap()),
                Some(2) => host.ends_cloud_init(),
                Some(3) => host.ends_upgrade(),
                _ => break,
            }
        }
        let code = crate::support::terminal::code(screen);
        let home = self.home.path().display().to_string();
        let text = text
            .replace('\r', "")
            .replace(&home, "~")
            .replace(&host.address().to_string(), "192.0.2.1");
        (text.lines().map(str::to_owned).collect(), code)
    }
}

#[test]
fn the_tutorial_is_true() {
    let host = Provided::boot("tutorial");
    // Nobody asks Let's Encrypt for a name of the documentation; to the host it is just out of reach.
    host.sh("echo 127.0.0.1 acme-v02.api.letsencrypt.org >>/etc/hosts");
    let mut operator = Operator::new();
    let mut wrong = Vec::new();
    for step in steps() {
        if let Some(folder) = step.command.strip_prefix("cd ") {
            operator.folder.push(folder);
            continue;
        }
        let command = step.command.replace("192.0.2.1", &host.address().to_string());
        let (came, code) = operator.types(&command, &host);
        eprintln!("$ {}\n{}\n({code})", step.command, came.join("\n"));
        assert_eq!(code, 0, "{}\n{}", step.command, came.join("\n"));
        if !matches(&step.shown, &came) {
            wrong.push(format!("$ {}\n{}", step.command, came.join("\n")));
        }
    }
    has_no_dns(&host, &operator);
    mail_flows(&host, &operator);
    is_also_applied_from_within(&host, &operator);
    howto::are_true(&host, &operator);
    removal::loses_nothing(&host, &operator);
    assert!(
        wrong.is_empty(),
        "the page shows otherwise:\n{}",
        wrong.join("\n\n")
    );
}

/// Nobody in a lab has a name in DNS: Let's Encrypt gives no certificate for it, and rspamd holds it against strangers.
fn has_no_dns(host: &Provided, operator: &Operator) {
    let edit = "sed -i -e 's/mail_certificates: letsencrypt/mail_certificates: local/' \
                -e 's/^      mail_filter: rspamd/&\\n      rspamd_spam_level: \"20\"/' inventory.yaml";
    for command in [edit, "mailprov apply inventory.yaml"] {
        let (came, code) = operator.types(command, host);
        assert_eq!(code, 0, "{}", came.join("\n"));
    }
}

/// Mail in a client, with the password that the page says how to get.
fn mail_flows(host: &Provided, operator: &Operator) {
    let (password, code) = operator.types("mailprov secrets get alice_password", host);
    assert_eq!(code, 0);
    let subject = Subject {
        address: host.address().into(),
        hostname: "mx1.example.org".to_owned(),
        mailboxes: vec![Mailbox {
            address: "alice@example.org".to_owned(),
            password: Secret::new(password.join("")),
            quota: None,
        }],
        aliases: Vec::new(),
        catch_all: Vec::new(),
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let findings = runtime.block_on(mailprov::verify::run(&subject, &|_| {}));
    let failed: Vec<_> = findings
        .iter()
        .filter(|finding| matches!(finding.verdict, Verdict::Failed(_)))
        .map(|finding| format!("{}: {:?}", finding.claim, finding.verdict))
        .collect();
    let passed = findings
        .iter()
        .filter(|finding| finding.verdict == Verdict::Passed)
        .count();
    assert!(
        failed.is_empty() && passed >= 5,
        "{passed} passed\n{}",
        failed.join("\n")
    );
}

/// `--connection local` on the host itself finds the same host, and repairs it; as root and through sudo.
fn is_also_applied_from_within(host: &Provided, operator: &Operator) {
    let inside = host.root().join("root/mail");
    fs::create_dir(&inside).unwrap();
    for name in ["inventory.yaml", "secrets.yaml", "identity.txt"] {
        fs::copy(operator.folder.join(name), inside.join(name)).unwrap();
    }
    fs::copy(
        env!("CARGO_BIN_EXE_mailprov"),
        host.root().join("usr/local/bin/mailprov"),
    )
    .unwrap();
    let apply = "cd /root/mail && sudo mailprov apply inventory.yaml --connection local";
    host.sh(&format!("{apply} --check"));
    host.sh("echo '# drift' >>/etc/postfix/main.cf");
    assert!(!host.succeeds(&format!("{apply} --check")));
    host.sh(apply);
    host.sh(&format!("{apply} --check && ! grep drift /etc/postfix/main.cf"));
    let here = "--connection local";
    let history = host.sh(&format!(
        "cd /root/mail && mailprov history inventory.yaml {here}"
    ));
    assert!(
        history.contains("2 changed (postfix/main, postfix/service)"),
        "{history}"
    );
    // Columns are as wide as the longest line asks for.
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let last = host.sh(&format!("mailprov history localhost {here} --last 1 | tail -n 1"));
    assert_eq!(words(&last), words(history.lines().last().unwrap_or_default()));
    let back = host.sh(&format!(
        "cd /root/mail && mailprov rollback inventory.yaml mx1.example.org {here} --check --diff; test $? = 4"
    ));
    assert!(back.contains("+# drift"), "{back}");
    assert_eq!(
        host.sh(&format!("cd /root/mail && mailprov drift inventory.yaml {here}")),
        ""
    );
    let records = host.sh(&format!(
        "cd /root/mail && mailprov advice inventory.yaml dns {here}"
    ));
    assert!(
        records.contains("example.org. IN MX 10 mx1.example.org."),
        "{records}"
    );
    let facts = host.sh(
        "cp -r /root/mail /home/admin/mail && chown -R admin: /home/admin/mail && cd /home/admin/mail &&\n\
         runuser -u admin -- mailprov facts inventory.yaml --connection local",
    );
    assert!(facts.contains("login") && facts.contains("admin"), "{facts}");
    host.sh("rm -r /root/mail /home/admin/mail /usr/local/bin/mailprov");
}
