//! The same inventory by a login that is not root, with and without a password for sudo.

use crate::support::{Site, boot_all};
use mailprov::lab::{HostSpec, Login};

const PASSWORD: &str = "o'pen $esame";

const ROLE: &str = "summary: A file with a secret.
needs: [vmail]
variables:
  keeper_word: {type: secret, doc: What is kept.}
steps:
  - id: file
    needs: [vmail/user]
    file: {path: /etc/keeper, content: \"word={{ keeper_word }}\\n\", mode: \"0600\", owner: vmail, group: vmail}
  - id: mark
    needs: [file]
    command: {run: touch /var/vmail/mark, creates: /var/vmail/mark, user: vmail}
";

#[test]
fn whoever_may_become_root_gets_the_same_host() {
    let sudo = |password: Option<&str>| Login::Sudo {
        user: "admin".into(),
        password: password.map(str::to_owned),
    };
    let hosts = boot_all(vec![
        HostSpec::new("sudo-nopass").login(sudo(None)),
        HostSpec::new("sudo-pass").login(sudo(Some(PASSWORD))),
    ]);
    let variables =
        "mail_hostname: mx.example.org\nmail_domains: [example.org]\nmail_admin: post@example.org\n";
    let roles = ["base", "vmail", "keeper"];
    let site = Site::new()
        .role("keeper", ROLE)
        .secret("keeper_word", "kept to itself")
        .host(&hosts[0], &roles, variables)
        .host(&hosts[1], &roles, variables);
    let check = site.mailprov(&["apply", "--check", "--output", "json"]).exits(4);
    let apply = site.mailprov(&["apply", "--output", "json"]).exits(0);
    assert_eq!(check.states(), apply.states(), "what is announced is done");
    let again = site.mailprov(&["apply", "--output", "json"]).exits(0);
    assert_eq!(again.steps_not(&["converged"]), [""; 0]);
    for host in &hosts {
        assert_eq!(
            host.sh("cat /etc/keeper; stat -c '%U %a' /etc/keeper"),
            "word=kept to itself\nvmail 600"
        );
        assert_eq!(
            host.sh("hostname --fqdn; stat -c %a /var/lib/mailprov"),
            "mx.example.org\n700"
        );
        assert!(!host.succeeds("grep -rqF -e esame -e 'kept to' /var/lib/mailprov /var/log /run/log /tmp"));
    }
    for run in [check, apply, again] {
        run.says_nothing_of("esame").says_nothing_of("kept to");
    }
}
