//! A host as providers hand it over: root's password, which must be changed at the first login, no sudo, no key, and
//! still busy with its own first boot.

use std::ops::Deref;

use mailprov::lab::{HostSpec, Login};

use super::hosts::{TestHost, boot_all};

/// What the provider's mail says root's password is.
pub const PASSWORD: &str = "sent in clear";

/// The first boot goes on until the test lets each part of it end. Perl is in every Debian, and takes the same kind
/// of lock as apt does.
const FIRST_BOOT: &str = r#"
rm -rf /root/.ssh
apt-get purge -qy sudo >/dev/null 2>&1
mkdir -p /run/first-boot
cat >/usr/bin/cloud-init <<'END'
#!/bin/sh
[ "$1" = status ] || exit 1
if [ -e /run/first-boot/done ]; then echo 'status: done'; else echo 'status: running'; fi
END
chmod 755 /usr/bin/cloud-init
cat >/root/upgrade.pl <<'END'
use Fcntl;
open(my $f, '+>>', '/var/lib/dpkg/lock-frontend') or die;
my $l = pack('s s x4 l! l! i x4', F_WRLCK, 0, 0, 0, 0);
fcntl($f, F_SETLK, $l) or die;
open(my $g, '>', '/run/first-boot/locked'); close $g;
sleep 1 until -e '/run/first-boot/upgraded';
END
cp /usr/bin/perl /root/apt-get
systemd-run --quiet /root/apt-get /root/upgrade.pl
timeout 60 sh -c 'while [ ! -e /run/first-boot/locked ]; do sleep 0.1; done' || exit 1
passwd --quiet --expire root
"#;

pub struct Provided(TestHost);

impl Deref for Provided {
    type Target = TestHost;

    fn deref(&self) -> &TestHost {
        &self.0
    }
}

#[allow(dead_code)]
impl Provided {
    #[track_caller]
    pub fn boot(name: &str) -> Self {
        let spec = HostSpec::new(name).login(Login::RootPassword(PASSWORD.to_owned()));
        let host = boot_all(vec![spec]).remove(0);
        host.sh(FIRST_BOOT);
        Self(host)
    }

    pub fn ends_cloud_init(&self) {
        self.sh("touch /run/first-boot/done");
    }

    pub fn ends_upgrade(&self) {
        self.sh("touch /run/first-boot/upgraded");
    }

    /// What sshd does with passwords and with root, as it would do it now.
    pub fn sshd(&self) -> String {
        self.sh("sshd -T | grep -E '^(passwordauthentication|permitrootlogin) ' | sort | tr '\\n' ' '")
    }
}
