//! Users and groups.

use serde_json::json;

use super::Bench;
use crate::support::boot;

#[test]
fn accounts_keep_their_promises() {
    let host = boot("steps-accounts");
    let mut bench = Bench::new(&host);
    bench.makes("group", json!({"name": "vmail", "gid": 5000}));
    bench.is_kept("group", json!({"name": "vmail"}));
    bench.refuses("group", json!({"name": "vmail", "gid": 5001}), "5000");
    bench.refuses("group", json!({"name": "other", "gid": 5000}), "the group vmail");

    let vmail = json!({"name": "vmail", "uid": 5000, "group": "vmail", "groups": ["mail"], "home": "/var/vmail",
        "system": true, "comment": "Mail, all of it"});
    bench.makes("user", vmail.clone());
    assert_eq!(
        host.sh("getent passwd vmail; id -Gn vmail; test ! -e /var/vmail"),
        "vmail:x:5000:5000:Mail, all of it:/var/vmail:/usr/sbin/nologin\nvmail mail"
    );
    for drift in [
        "gpasswd -d vmail mail >/dev/null",
        "usermod --home /elsewhere vmail",
        "usermod --comment x vmail",
        "usermod --gid mail vmail",
    ] {
        host.sh(drift);
        bench.makes("user", vmail.clone());
    }
    // Somebody's own groups stay.
    host.sh("usermod -aG adm vmail");
    bench.is_kept("user", vmail);
    assert!(host.sh("id -Gn vmail").contains("adm"));
    bench.refuses("user", json!({"name": "vmail", "uid": 5002}), "uid 5000");
    bench.refuses("user", json!({"name": "other", "uid": 5000}), "the user vmail");

    // What a package brought gets a group on top.
    bench.makes("user", json!({"name": "nobody", "groups": ["vmail"]}));
    assert!(host.sh("id -Gn nobody").contains("vmail"));

    // A group of the same name that is there already is taken.
    bench.makes("group", json!({"name": "carol", "system": true}));
    bench.makes(
        "user",
        json!({"name": "carol", "create_home": true, "home": "/home/carol"}),
    );
    assert_eq!(host.sh("id -gn carol; stat -c %U /home/carol"), "carol\ncarol");
    bench.makes("user", json!({"name": "carol", "state": "absent"}));
    assert!(host.succeeds("test -d /home/carol"));
    bench.makes("user", json!({"name": "dave", "system": true}));
    assert_eq!(host.sh("getent passwd dave | cut -d: -f7"), "/usr/sbin/nologin");
}
