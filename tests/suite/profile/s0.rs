//! Debian 13 with Dovecot 2.4, MariaDB, Amavis, PostfixAdmin and Roundcube.

use super::{Profile, Proof};

pub const PROOFS: &[Proof] = &[("mail-user", mail_user)];

/// ClamAV's own signatures can't be had in a lab: the test file's stands in.
const LAB: &str = "\
amavis_clamav_official: false
amavis_clamav_signatures: ['44d88612fea8a8f36de82e1278abb02f:68:Eicar-Test-Signature']
";

#[test]
fn debian_with_mysql_is_as_in_the_seed() {
    Profile::rehearsed("s0-debian13-mysql", LAB).prove("s0");
}

fn mail_user(profile: &Profile) {
    assert_eq!(profile.host.sh("id -u vmail; id -g vmail"), "150\n5000");
}
