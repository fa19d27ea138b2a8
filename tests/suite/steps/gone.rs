//! What steps made is taken back, and what was a person's stays.

use mailprov::step::Assessment;
use mailprov::step::gone::{Kept, Terms};
use serde_json::{Value, json};

use super::{Bench, step};

type Host = crate::support::TestHost;

impl Bench {
    /// The step is taken back: something is to be done for it, or nothing.
    #[track_caller]
    fn takes_back(&mut self, kind: &str, value: Value) -> bool {
        let kept = Kept::default();
        let terms = Terms {
            purge: false,
            holds: None,
            kept: &kept,
            watchers: &[],
            servers: &[],
        };
        let gone = step(kind, value).taken_back(&terms).unwrap();
        if self.assess(&*gone) == Assessment::Converged {
            return false;
        }
        let answer = self.fix(&*gone);
        assert_eq!(answer.status, 0, "{gone:?}: {}", answer.errors);
        assert_eq!(self.assess(&*gone), Assessment::Converged, "{gone:?}");
        true
    }
}

/// Notes of who made what, and what was there before.
fn notes(host: &Host) -> String {
    host.sh("cd /var/lib/mailprov && find made/paths before/files -path '*/srv/whose*' ! -type d 2>/dev/null || true")
}

pub fn what_steps_made_goes_and_nothing_else(host: &Host, bench: &mut Bench) {
    let file = |content: &str| json!({"path": "/srv/whose/file", "content": content});
    let link = |target: &str| json!({"path": "/srv/whose/link", "target": target});
    let folder = json!({"path": "/srv/whose", "mode": "0750"});

    // Made, changed, taken back: no earlier version of ours is taken for what was there before.
    bench.makes("directory", folder.clone());
    for word in ["first", "second"] {
        bench.makes("file", file(word));
        bench.makes("symlink", link(word));
    }
    assert!(bench.takes_back("file", file("second")));
    assert!(bench.takes_back("symlink", link("second")));
    assert!(bench.takes_back("directory", folder.clone()));
    assert!(!host.succeeds("test -e /srv/whose"));
    assert_eq!(notes(host), "");

    // As promised before mailprov came: found, and left.
    host.sh("mkdir -m 750 /srv/whose && printf first >/srv/whose/file && ln -s first /srv/whose/link");
    bench.is_kept("directory", folder.clone());
    bench.is_kept("file", file("first"));
    bench.is_kept("symlink", link("first"));
    assert!(!bench.takes_back("file", file("first")));
    assert!(!bench.takes_back("symlink", link("first")));
    host.sh("rm /srv/whose/*");
    assert!(!bench.takes_back("directory", folder.clone()));
    assert!(host.succeeds("test -d /srv/whose"));

    // Something else before mailprov came: it comes back.
    host.sh("printf mine >/srv/whose/file && ln -s mine /srv/whose/link");
    for word in ["first", "second"] {
        bench.makes("file", file(word));
        bench.makes("symlink", link(word));
    }
    assert!(bench.takes_back("file", file("second")));
    assert!(bench.takes_back("symlink", link("second")));
    let theirs = "cat /srv/whose/file; echo; readlink /srv/whose/link";
    assert_eq!(host.sh(theirs), "mine\nmine");
    assert_eq!(notes(host), "");

    // Made by mailprov and changed by a person since: it is the person's.
    host.sh("rm /srv/whose/*");
    bench.makes("file", file("first"));
    bench.makes("symlink", link("first"));
    host.sh("printf mine >/srv/whose/file && ln -sfn mine /srv/whose/link");
    assert!(!bench.takes_back("file", file("first")));
    assert!(!bench.takes_back("symlink", link("first")));
    assert_eq!(host.sh(theirs), "mine\nmine");

    // A note of what a person removed goes, too: the next file there is the person's.
    host.sh("rm -r /srv/whose");
    assert!(bench.takes_back("file", file("first")));
    assert!(bench.takes_back("symlink", link("first")));
    assert_eq!(notes(host), "");
    host.sh("mkdir /srv/whose && printf mine >/srv/whose/file");
    bench.makes("file", file("first"));
    assert!(bench.takes_back("file", file("first")));
    assert_eq!(host.sh("cat /srv/whose/file"), "mine");
    host.sh("rm -r /srv/whose");
}
