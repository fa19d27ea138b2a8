//! The package manager, with everything that gets in its way.

use mailprov::step::Assessment;

use crate::support::direct::{Direct, step};
use crate::support::{boot, until};

#[test]
fn packages_come_and_go_and_nothing_starts() {
    let host = boot("kinds-package");
    let mut direct = Direct::to(&host);
    host.sh("printf '#!/bin/sh\\nexit 0\\n' >/usr/sbin/policy-rc.d; chmod 755 /usr/sbin/policy-rc.d");

    // A daemon that starts when it is installed, and a package that is not there at all.
    let nginx = step("package", "{names: [nginx-light], replaces: ['apache2*']}");
    assert!(matches!(direct.converge(&*nginx), Assessment::Create(_)));
    assert!(
        direct.said.iter().any(|words| words.contains("package lists")),
        "{:?}",
        direct.said
    );
    assert!(
        direct.said.iter().any(|words| words.contains("nginx")),
        "{:?}",
        direct.said
    );
    assert!(!host.succeeds("systemctl is-active nginx"));
    assert!(host.succeeds("systemctl is-enabled nginx"));
    assert_eq!(
        host.sh("cat /usr/sbin/policy-rc.d; ls /usr/sbin/policy-rc.d*"),
        "#!/bin/sh\nexit 0\n/usr/sbin/policy-rc.d"
    );

    // What ran before goes on running when its package is configured anew.
    host.sh("systemctl start nginx; dpkg --unpack /var/cache/apt/archives/nginx_*.deb 2>/dev/null || true");
    let broken = host.sh("dpkg-query -W -f '${db:Status-Status}' nginx");
    if broken != "installed" {
        assert!(matches!(
            direct.converge(&*nginx_itself()),
            Assessment::Change(_) | Assessment::Create(_)
        ));
        until("nginx runs again", || host.succeeds("systemctl is-active nginx"));
    }

    // Removing nginx would take nginx-light with it, which nobody named.
    let gone = step("package", "{names: [nginx], state: absent}");
    let answer = direct.fix(&*gone);
    assert_ne!(answer.status, 0);
    assert!(answer.errors.contains("nginx-light"), "{}", answer.errors);
    assert!(host.succeeds("dpkg -s nginx-light"));
    let both = step(
        "package",
        "{names: [nginx, nginx-light], replaces: ['libnginx-*'], state: absent}",
    );
    assert!(matches!(direct.converge(&*both), Assessment::Remove(_)));
    assert!(
        !host.succeeds("systemctl is-active nginx"),
        "a removed package's service is stopped"
    );

    let missing = step("package", "{names: [no-such-package-anywhere]}");
    let answer = direct.fix(&*missing);
    assert_ne!(answer.status, 0);
    assert!(
        answer
            .errors
            .contains("E: Unable to locate package no-such-package-anywhere"),
        "{}",
        answer.errors
    );
    assert_eq!(host.sh("ls /usr/sbin/policy-rc.d*"), "/usr/sbin/policy-rc.d");

    let held = step("package", "{names: [tzdata], hold: true}");
    direct.converge(&*held);
    direct.converge(&*step("package", "{names: [tzdata], hold: false}"));
}

fn nginx_itself() -> Box<dyn mailprov::step::Step> {
    step("package", "{names: [nginx]}")
}

#[test]
fn an_installation_waits_for_the_lock_and_finishes_what_was_cut_off() {
    let host = boot("kinds-package-lock");
    let mut direct = Direct::to(&host);
    let tree = step("package", "{names: [tree]}");
    direct.converge(&*tree);
    // As after a power cut between unpacking and configuring, with a policy-rc.d of ours left behind.
    host.sh(
        "dpkg --unpack /var/cache/apt/archives/tree_*.deb\n\
         printf '#!/bin/sh\\n# mailprov put this here while it installs packages; it says nothing to anybody else.\\nexit 101\\n' \
         >/usr/sbin/policy-rc.d",
    );
    assert!(matches!(direct.assess(&*tree), Assessment::Change(_)));
    // Perl is in every Debian, and takes the same kind of lock as dpkg does.
    host.sh("cat >/root/hold.pl <<'END'\n\
         use Fcntl;\n\
         open(my $f, '+>>', '/var/lib/dpkg/lock-frontend') or die;\n\
         my $l = pack('s s x4 l! l! i x4', F_WRLCK, 0, 0, 0, 0);\n\
         fcntl($f, F_SETLK, $l) or die;\n\
         open(my $g, '>', '/root/held'); close $g;\n\
         sleep 1 until -e '/root/let-go';\n\
         END\n\
         systemd-run --quiet perl /root/hold.pl\n\
         timeout 60 sh -c 'while [ ! -e /root/held ]; do sleep 0.1; done'\n\
         systemd-run --quiet --on-active=20 touch /root/let-go");
    direct.converge(&*tree);
    assert!(
        direct
            .said
            .iter()
            .any(|words| words.contains("(perl)") && words.contains("lock-frontend")),
        "{:?}",
        direct.said
    );
    assert!(
        direct.said.iter().any(|words| words.contains("interrupted")),
        "{:?}",
        direct.said
    );
    assert!(!host.succeeds("ls /usr/sbin/policy-rc.d*"));
}
