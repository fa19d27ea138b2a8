//! From a provider's hands to a host that takes keys only: on a terminal, without one, and when it goes wrong.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::columns;
use super::support::provider::{PASSWORD, Provided};
use super::support::terminal::{code, terminal, terminal_with};
use super::support::{Run, until};

/// An operator with a key, an inventory, and no password but the provider's.
fn operator(host: &Provided) -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    let ssh = home.path().join(".ssh");
    fs::create_dir(&ssh).unwrap();
    let mut keygen = Command::new("ssh-keygen");
    keygen.args([
        "-q",
        "-t",
        "ed25519",
        "-N",
        "open sesame",
        "-C",
        "operator@desk",
        "-f",
    ]);
    assert!(keygen.arg(ssh.join("id_ed25519")).status().unwrap().success());
    fs::write(
        home.path().join("inventory.yaml"),
        format!(
            "hosts:\n  vps:\n    ssh:\n      address: {}\n      user: admin\n      bootstrap: {{password: !secret \
             root_password}}\n",
            host.address()
        ),
    )
    .unwrap();
    let identity = run(home.path(), &["secrets", "identity", "identity.txt"]).exits(0);
    let recipient = identity.stdout.trim().to_owned();
    run(home.path(), &["secrets", "generate", "--recipient", &recipient]).exits(0);
    home
}

fn run(home: &Path, arguments: &[&str]) -> Run {
    Run::new(home, arguments)
}

/// Everything that a second run could touch.
fn state(host: &Provided) -> String {
    host.sh(
        "find /etc /root /home /var/lib/mailprov -type f -exec stat -c '%n %Y %Z %a %U' {} + | sort | sha256sum",
    )
}

#[test]
fn a_host_is_made_ready_once() {
    let host = Provided::boot("bootstrap");
    let operator = operator(&host);
    let home = operator.path();
    let bootstrap = ["bootstrap", "inventory.yaml"];

    // Nothing else works yet, and says what does.
    for looks in [
        &["facts", "inventory.yaml"][..],
        &["apply", "inventory.yaml"],
        &["apply", "inventory.yaml", "--check"],
    ] {
        run(home, looks)
            .exits(6)
            .says("made ready first: mailprov bootstrap inventory.yaml --limit vps");
    }
    run(home, &bootstrap).exits(6).says("the host key is unknown");
    let other = "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU";
    run(home, &["bootstrap", "inventory.yaml", "--fingerprint", other])
        .exits(6)
        .says("the host key is not the inventory's");
    let mut screen = terminal(home, &bootstrap);
    screen.exp_string(&host.host_key_fingerprint().unwrap()).unwrap();
    screen.exp_string("Trust it? (yes/no) ").unwrap();
    screen.send_line("no").unwrap();
    screen.exp_string("was not accepted").unwrap();
    screen.exp_eof().unwrap();
    assert_eq!(code(screen), 6);
    assert!(!home.join(".ssh/known_hosts").exists());

    // Another key than the one that is known is no question.
    let known = home.join(".ssh/known_hosts");
    let wrong = fs::read_to_string(home.join(".ssh/id_ed25519.pub")).unwrap();
    let wrong: Vec<&str> = wrong.split(' ').take(2).collect();
    fs::write(
        &known,
        format!("# mine\n{} {}\n", host.address(), wrong.join(" ")),
    )
    .unwrap();
    let mut screen = terminal(home, &bootstrap);
    let said = screen.exp_eof().unwrap();
    assert_eq!(code(screen), 6, "{said}");
    assert!(
        said.contains(".ssh/known_hosts:2") && !said.contains("Trust it?"),
        "{said}"
    );
    fs::remove_file(known).unwrap();

    // Ctrl-C at each of its questions, the hidden ones included.
    for questions in [
        &["Trust it? (yes/no) "][..],
        &["Trust it? (yes/no) ", "Passphrase of "],
        &["Passphrase of ", "Password of root on vps: "],
    ] {
        let mut screen = terminal(home, &bootstrap);
        let (last, before) = questions.split_last().unwrap();
        for question in before {
            screen.exp_string(question).unwrap();
            let answer = if question.starts_with("Trust") {
                "yes"
            } else {
                "open sesame"
            };
            screen.send_line(answer).unwrap();
        }
        screen.exp_string(last).unwrap();
        screen.send_control('c').unwrap();
        screen.exp_eof().unwrap();
        assert_eq!(code(screen), 130, "{last}");
    }

    let mut screen = terminal(home, &bootstrap);
    screen.exp_string("Passphrase of ").unwrap();
    screen.send_line("close sesame").unwrap();
    screen.exp_string("Passphrase of ").unwrap();
    screen.send_line("open sesame").unwrap();
    screen.exp_string("Password of root on vps: ").unwrap();
    screen.send_line("a slip of the keyboard").unwrap();
    screen.exp_string("Password of root on vps: ").unwrap();
    screen.send_line(PASSWORD).unwrap();
    screen.exp_string("had expired, root has a new one").unwrap();
    screen.exp_string("waiting for cloud-init").unwrap();
    host.ends_cloud_init();
    screen.exp_string("waiting for process").unwrap();
    host.ends_upgrade();
    screen.exp_string("ready; next: mailprov apply").unwrap();
    screen.exp_eof().unwrap();
    assert_eq!(code(screen), 0);

    // From here on nobody is there to type the passphrase.
    let key = home.join(".ssh/id_ed25519");
    let mut keygen = Command::new("ssh-keygen");
    keygen.args(["-q", "-p", "-P", "open sesame", "-N", "", "-f"]);
    assert!(keygen.arg(key).status().unwrap().success());

    // The password that the host demanded is the secret's; it opens nothing but the console.
    let password = run(home, &["secrets", "get", "root_password"]).exits(0).stdout;
    assert_eq!(
        host.sh(&format!(
            "perl -e '$h = (getpwnam(\"root\"))[1]; print crypt($ARGV[0], $h) eq $h ? 1 : 0' '{}'",
            password.trim()
        )),
        "1"
    );
    assert_eq!(host.sshd(), "passwordauthentication no permitrootlogin no ");
    assert_eq!(host.sh("cat /home/admin/.ssh/authorized_keys").lines().count(), 1);
    assert!(!host.succeeds("systemctl list-timers --all | grep mailprov-undo"));
    run(home, &["facts", "inventory.yaml"]).exits(0).says("admin");

    let before = state(&host);
    run(home, &bootstrap).exits(0).says("nothing to do");
    assert_eq!(state(&host), before);

    goes_wrong(&host, home);
    is_interrupted(&host, home);
    columns::are_kept(&host, home);
}

/// A login that succeeds until sshd is hardened: the host takes the hardening back, also when nobody is connected.
fn goes_wrong(host: &Provided, home: &Path) {
    host.sh("rm /etc/ssh/sshd_config.d/00-mailprov.conf && systemctl reload ssh\n\
         cat >/root/reload <<'END'\n\
         echo 'DenyUsers admin' >/etc/ssh/sshd_config.d/50-deny.conf\n\
         kill -HUP $(systemctl show -P MainPID ssh)\n\
         [ ! -e /root/cut ] || pkill -x sshd-session\n\
         END\n\
         mkdir -p /run/systemd/system/ssh.service.d\n\
         printf '[Service]\\nExecReload=\\nExecReload=sh /root/reload\\n' >/run/systemd/system/ssh.service.d/lab.conf\n\
         systemctl daemon-reload");
    let open = "passwordauthentication yes permitrootlogin yes ";
    assert_eq!(host.sshd(), open);
    run(home, &["bootstrap", "inventory.yaml"])
        .exits(6)
        .says("sshd's configuration was put back as it was");
    assert_eq!(host.sshd(), open);
    assert!(!host.succeeds("systemctl list-timers --all | grep mailprov-undo"));

    host.sh("rm /etc/ssh/sshd_config.d/50-deny.conf; systemctl restart ssh; touch /root/cut");
    run(home, &["bootstrap", "inventory.yaml", "--undo-after", "5"])
        .exits(6)
        .says("the host puts sshd's configuration back by itself within 5 s");
    until("the host takes the hardening back", || {
        host.sshd() == open && !host.succeeds("test -e /var/lib/mailprov/undo-sshd")
    });

    // With what stood in the way gone, the next run ends it.
    host.sh(
        "rm -r /run/systemd/system/ssh.service.d /etc/ssh/sshd_config.d/50-deny.conf\n\
         systemctl daemon-reload && systemctl restart ssh",
    );
    run(home, &["bootstrap", "inventory.yaml"])
        .exits(0)
        .says("ready; next");
    assert_eq!(host.sshd(), "passwordauthentication no permitrootlogin no ");
}

const SLOW: &str = "summary: Takes its time.
steps:
  - id: first
    command:
      run: |
        touch /root/began
        n=0
        until [ -e /root/go ] || [ $n -ge 120 ]; do sleep 1; n=$((n + 1)); done
        touch /root/first
      creates: /root/first
  - id: second
    needs: [first]
    file: {path: /root/second, content: \"second\\n\"}
";

/// Ctrl-C while a step is in hand: it ends, the next one is not begun, and another run goes on there.
fn is_interrupted(host: &Provided, home: &Path) {
    fs::create_dir_all(home.join("roles/slow")).unwrap();
    fs::write(home.join("roles/slow/role.yaml"), SLOW).unwrap();
    fs::write(
        home.join("slow.yaml"),
        format!(
            "hosts:\n  vps:\n    ssh: {{address: {}, user: admin}}\n    roles: [slow]\n",
            host.address()
        ),
    )
    .unwrap();
    let mut screen = terminal(home, &["apply", "slow.yaml"]);
    until("the step is in hand", || host.succeeds("test -e /root/began"));
    screen.send_control('c').unwrap();
    screen.exp_string("finishing what is in hand").unwrap();
    host.sh("touch /root/go");
    screen.exp_eof().unwrap();
    assert_eq!(code(screen), 130);
    assert_eq!(
        host.sh("cd /root; ls -d first second 2>/dev/null || true"),
        "first"
    );

    let look = ["apply", "slow.yaml", "--check", "--diff"];
    let shown = |environment: &[(&str, &str)]| {
        let mut screen = terminal_with(home, &look, environment);
        let text = screen.exp_eof().unwrap();
        assert_eq!(code(screen), 4, "{text}");
        assert!(text.contains("slow/second") && text.contains("+second"), "{text}");
        text
    };
    assert!(columns::colours(&shown(&[("TERM", "xterm")])));
    assert!(!columns::colours(&shown(&[("TERM", "xterm"), ("NO_COLOR", "1")])));
    assert!(!shown(&[("TERM", "dumb")]).contains('\u{1b}'));
    run(home, &look)
        .exits(4)
        .says("slow/second")
        .says_nothing_of("\u{1b}");
    run(home, &["apply", "slow.yaml"]).exits(0);
    assert_eq!(host.sh("cat /root/second"), "second");
}
