//! Timers, cron jobs, kernel settings and commands.

use serde_json::json;

use super::{Bench, step};
use crate::support::{boot, until};

#[test]
fn kinds_of_the_system_keep_their_promises() {
    let host = boot("steps-system");
    let mut bench = Bench::new(&host);
    timers(&host, &mut bench);
    cron(&host, &mut bench);
    settings(&host, &mut bench);
    commands(&host, &mut bench);
}

type Host = crate::support::TestHost;

fn timers(host: &Host, bench: &mut Bench) {
    let command = "printf '%s $HOME \"q\" \\\\ %%\\n' \"$(id -un)\" >/tmp/ran; echo \"$0\" >>/tmp/ran";
    let timer =
        json!({"name": "job", "on_calendar": "2099-01-01 04:30", "command": command, "user": "nobody"});
    bench.makes("timer", timer.clone());
    assert_eq!(
        host.sh("systemctl is-enabled job.timer; systemctl is-active job.timer"),
        "enabled\nactive"
    );
    assert!(!host.succeeds("test -e /tmp/ran"), "it is not run now");
    host.sh("systemctl start job.service");
    assert_eq!(host.sh("cat /tmp/ran"), "nobody $HOME \"q\" \\ %\n/bin/sh");
    for drift in [
        "systemctl stop job.timer",
        "systemctl disable --quiet job.timer",
        "echo '# more' >>/etc/systemd/system/job.service",
        "rm /etc/systemd/system/job.timer; systemctl daemon-reload",
    ] {
        host.sh(drift);
        bench.makes("timer", timer.clone());
    }
    let mut other = timer.clone();
    other["on_calendar"] = "2099-01-01 05:30".into();
    bench.makes("timer", other.clone());
    assert!(
        host.sh("systemctl show -p NextElapseUSecRealtime job.timer")
            .contains("05:30")
    );
    other["on_calendar"] = "whenever".into();
    let answer = bench.fix(&*step("timer", other.clone()));
    assert_eq!(
        answer.status,
        mailprov::step::replace::REFUSED,
        "{}",
        answer.errors
    );
    assert!(host.succeeds("grep -q 05:30 /etc/systemd/system/job.timer"));
    other["state"] = "absent".into();
    bench.makes("timer", other);
    assert!(!host.succeeds("systemctl cat job.timer job.service"));
}

fn cron(host: &Host, bench: &mut Bench) {
    host.sh("mkdir -p /etc/cron.d");
    let job = json!({"name": "job", "schedule": "@daily", "command": "true 100%"});
    bench.makes("cron", job.clone());
    host.sh("chmod 666 /etc/cron.d/job");
    bench.makes("cron", job.clone());
    assert_eq!(
        host.sh("tail -n 1 /etc/cron.d/job; stat -c %a /etc/cron.d/job"),
        "@daily root true 100\\%\n644"
    );
    let mut gone = job;
    gone["state"] = "absent".into();
    bench.makes("cron", gone.clone());
    host.sh("echo '@daily root mine' >/etc/cron.d/job");
    bench.refuses("cron", gone, "not written by mailprov");
}

fn settings(host: &Host, bench: &mut Bench) {
    // Of the host's own network namespace, so that nothing outside of it changes.
    let key = "net.ipv4.conf.lo.arp_announce";
    let setting = json!({"key": key, "value": 2});
    host.sh("mkdir -p /etc/sysctl.d");
    bench.makes("sysctl", setting.clone());
    host.sh("echo 0 >/proc/sys/net/ipv4/conf/lo/arp_announce");
    bench.makes("sysctl", setting.clone());
    host.sh("rm /etc/sysctl.d/60-mailprov-*");
    bench.makes("sysctl", setting);
    assert_eq!(host.sh("cat /proc/sys/net/ipv4/conf/lo/arp_announce"), "2");
    bench.refuses(
        "sysctl",
        json!({"key": "net.ipv4.no_such", "value": 1}),
        "no setting",
    );
}

fn commands(host: &Host, bench: &mut Bench) {
    bench.makes(
        "command",
        json!({"run": "echo hi >'/tmp/a b'", "creates": "/tmp/a b"}),
    );
    let run = "id -un >/tmp/who; (sleep 1; echo late >/tmp/late) >/dev/null 2>&1 &";
    bench.makes(
        "command",
        json!({"run": run, "unless": "test -s /tmp/who", "user": "nobody"}),
    );
    assert_eq!(host.sh("cat /tmp/who"), "nobody");
    until("what the command left in the background ends", || {
        host.succeeds("test -s /tmp/late")
    });
    let failing = step("command", json!({"run": "echo why; exit 3", "creates": "/none"}));
    let answer = bench.fix(&*failing);
    assert_eq!((answer.status, answer.errors.trim_end()), (3, "why"));
}
