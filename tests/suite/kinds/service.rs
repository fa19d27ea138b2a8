//! Services that start, don't start, and owe a restart.

use mailprov::step::replace::{Record, script};
use mailprov::step::{Assessment, Replacement};

use crate::support::boot;
use crate::support::direct::{Direct, id, step};

const SERVICE: &str =
    "{unit: echo.service, watches: {restart: [conf]}, drop_ins: {d.conf: \"[Service]\\nNice=5\\n\"}}";

/// A daemon that reads its configuration when it starts, and refuses a bad one a little later.
fn install(host: &crate::support::TestHost) {
    host.sh("cat >/usr/local/bin/echod <<'END'\n\
         #!/bin/sh\n\
         sleep 0.1\n\
         grep -q bad /etc/echod.conf && { echo \"echod: bad word in line 1\" >&2; exit 3; }\n\
         cat /etc/echod.conf /etc/echod.table.db >/run/echod.runs-with\n\
         exec sleep infinity\n\
         END\n\
         chmod 755 /usr/local/bin/echod\n\
         printf '[Service]\\nExecStart=/usr/local/bin/echod\\n[Install]\\nWantedBy=multi-user.target\\n' \
         >/etc/systemd/system/echo.service");
}

/// The daemon has read this and its table, or does so in a moment.
fn runs_with(host: &crate::support::TestHost, content: &str) {
    let table = content.to_uppercase();
    crate::support::until(&format!("the daemon runs with {content}"), || {
        host.succeeds(&format!(
            "[ \"$(cat /run/echod.runs-with)\" = '{content}\n{table}' ]"
        ))
    });
}

/// A lookup table of the daemon's, compiled to capitals.
fn table(direct: &mut Direct, content: &str) -> Replacement {
    let map = step(
        "map",
        &format!(
            "{{path: /etc/echod.table, content: {content:?}, output: /etc/echod.table.db, \
             compile: tr a-z A-Z </etc/echod.table >/etc/echod.table.db}}"
        ),
    );
    direct.replacement(&*map)
}

/// The configuration as a run would put it in place, and a table with the same in it.
fn configure(direct: &mut Direct, content: &str) {
    let table = table(direct, content);
    let file = Replacement {
        path: "/etc/echod.conf".into(),
        content: content.as_bytes().to_vec(),
        mode: "0644".into(),
        owner: "root".into(),
        group: "root".into(),
        validate: None,
        backup: true,
        before: None,
        after: None,
    };
    // Each run has its own folder of backups.
    let run = format!("run-{}", content.len());
    let answer = direct.run(&script(
        &[file, table],
        None,
        &[("echo.service", Record::Restart)],
        &run,
    ));
    assert_eq!(answer.status, 0, "{}", answer.errors);
    let digest = content.bytes().map(|byte| format!("{byte:02x}")).collect();
    direct.digests.insert(id("conf"), digest);
}

#[test]
fn a_service_that_does_not_come_up_gets_its_previous_files_back() {
    let host = boot("kinds-service");
    let mut direct = Direct::to(&host);
    let service = step("service", SERVICE);
    assert!(
        matches!(direct.assess(&*service), Assessment::Refused(_)),
        "no such unit"
    );
    install(&host);

    configure(&mut direct, "one\n");
    assert!(matches!(direct.converge(&*service), Assessment::Change(_)));
    runs_with(&host, "one");
    assert_eq!(host.sh("systemctl show -p Nice --value echo"), "5");
    assert!(host.succeeds("systemctl is-enabled echo"));

    // A change owes a restart, whoever made it.
    configure(&mut direct, "two two\n");
    assert!(matches!(direct.converge(&*service), Assessment::Owed(words) if words.starts_with("restart")));
    runs_with(&host, "two two");
    host.sh("rm /var/lib/mailprov/services/echo.service.restart");
    assert!(matches!(direct.converge(&*service), Assessment::Owed(_)));

    configure(&mut direct, "bad\n");
    let answer = direct.fix(&*service);
    assert_ne!(answer.status, 0);
    for words in [
        "echo.service did not restart",
        "bad word in line 1",
        "put the previous configuration back; the service runs with it",
    ] {
        assert!(answer.errors.contains(words), "{words}: {}", answer.errors);
    }
    assert_eq!(
        host.sh("cat /etc/echod.conf /etc/echod.table /etc/echod.table.db"),
        "two two\ntwo two\nTWO TWO"
    );
    runs_with(&host, "two two");
    assert_eq!(host.sh("systemctl is-active echo"), "active");
    assert!(
        matches!(direct.assess(&*service), Assessment::Owed(_)),
        "the configuration that was asked for is still owed"
    );

    // A unit file that somebody edits is read again.
    configure(&mut direct, "two two two\n");
    direct.converge(&*service);
    host.sh("touch -d '+1 minute' /etc/systemd/system/echo.service");
    assert!(
        matches!(direct.converge(&*service), Assessment::Owed(words) if words.starts_with("daemon-reload"))
    );

    host.sh("systemctl stop echo; systemctl disable echo");
    assert!(matches!(direct.converge(&*service), Assessment::Change(_)));
    direct.converge(&*step(
        "service",
        "{unit: echo.service, state: stopped, enabled: false}",
    ));
    assert!(!host.succeeds("systemctl is-active echo"));
    let timer = "{unit: apt-daily.timer, state: stopped, enabled: false, masked: true}";
    direct.converge(&*step("service", timer));
    direct.converge(&*step("service", "{unit: apt-daily.timer}"));
}

#[test]
fn a_service_that_never_ran_keeps_its_files() {
    let host = boot("kinds-service-first");
    let mut direct = Direct::to(&host);
    install(&host);
    configure(&mut direct, "bad\n");
    let service = step("service", SERVICE);
    let answer = direct.fix(&*service);
    assert_ne!(answer.status, 0);
    assert!(answer.errors.contains("never ran before"), "{}", answer.errors);
    assert_eq!(host.sh("cat /etc/echod.conf /etc/echod.table.db"), "bad\nBAD");
    // Repaired, it comes up.
    configure(&mut direct, "good\n");
    direct.converge(&*service);
}
