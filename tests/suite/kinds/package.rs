//! The package manager, with everything that gets in its way.

use mailprov::step::gone::{Kept, Terms};
use mailprov::step::{Assessment, Step};

use crate::support::direct::{Direct, step};
use crate::support::{TestHost, boot, until};

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

    a_failed_installation_leaves_no_claim(&host, &mut direct);
    what_nothing_needs_any_more_takes_nobody_elses_along(&host, &mut direct);

    let held = step("package", "{names: [tzdata], hold: true}");
    direct.converge(&*held);
    direct.converge(&*step("package", "{names: [tzdata], hold: false}"));
}

/// Whoever installs the package by hand then has it for himself.
fn a_failed_installation_leaves_no_claim(host: &TestHost, direct: &mut Direct) {
    let pv = step("package", "{names: [pv]}");
    // As when the lists are older than the archive, and the new ones don't help.
    host.sh(
        "echo 'DPkg::Pre-Invoke { \"echo E: Failed to fetch pv; false\"; };' >/etc/apt/apt.conf.d/zz-no-fetch",
    );
    let answer = direct.fix(&*pv);
    assert_ne!(answer.status, 0);
    assert!(answer.errors.contains("installing failed"), "{}", answer.errors);
    assert!(
        direct.said.iter().any(|words| words.contains("package lists")),
        "{:?}",
        direct.said
    );
    host.sh("rm /etc/apt/apt.conf.d/zz-no-fetch");
    let note = "test -e /var/lib/mailprov/made/packages/pv";
    assert!(!host.succeeds(note));
    // Killed where it could not tidy up any more.
    host.sh("touch /var/lib/mailprov/made/packages/pv");
    direct.converge(&*step("package", "{names: [tree]}"));
    assert!(!host.succeeds(note));
    host.sh("apt-get -qq install pv >/dev/null 2>&1");
    assert_eq!(direct.assess(&*taken_back(&*pv)), Assessment::Converged);
}

fn what_nothing_needs_any_more_takes_nobody_elses_along(host: &TestHost, direct: &mut Direct) {
    for (name, needs) in [
        ("our-part", ""),
        ("our-program", "our-part"),
        ("their-program", "our-part"),
    ] {
        host.sh(&format!(
            "mkdir -p /root/{name}/DEBIAN && cd /root && printf '%s\n' 'Package: {name}' 'Version: 1' 'Architecture: all' \
             'Maintainer: Nobody <nobody@example.org>' 'Description: {name}' {} >{name}/DEBIAN/control && \
             dpkg-deb --build {name} >/dev/null 2>&1 && dpkg -i {name}.deb >/dev/null 2>&1",
            if needs.is_empty() { String::new() } else { format!("'Depends: {needs}'") },
        ));
    }
    host.sh("apt-mark auto our-part their-program >/dev/null\n\
         touch /var/lib/mailprov/made/packages/our-part /var/lib/mailprov/made/packages/our-program");
    // Left by what came before, and still nobody's else.
    assert!(host.succeeds("dpkg -s nginx-common"));
    let ours = step("package", "{names: [our-program]}");
    assert!(matches!(
        direct.converge(&*taken_back(&*ours)),
        Assessment::Remove(_)
    ));
    assert!(
        direct
            .said
            .contains(&"what their-program needs stays: mailprov did not bring that".to_owned()),
        "{:?}",
        direct.said
    );
    assert_eq!(
        host.sh("dpkg-query -W -f '${db:Status-Status}\\n' our-part their-program"),
        "installed\ninstalled"
    );
    let notes = "cd /var/lib/mailprov/made/packages && ls -d our-* nginx*";
    assert_eq!(host.sh(&format!("{notes} 2>/dev/null || true")), "our-part");
    assert!(!host.succeeds("dpkg -s nginx-common | grep 'ok installed'"));
    host.sh("dpkg --purge their-program our-part >/dev/null 2>&1");
}

fn taken_back(package: &dyn Step) -> Box<dyn Step> {
    let kept = Kept::default();
    package
        .taken_back(&Terms {
            purge: false,
            holds: None,
            kept: &kept,
            watchers: &[],
            servers: &[],
        })
        .unwrap()
}

fn nginx_itself() -> Box<dyn Step> {
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
