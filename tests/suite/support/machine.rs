//! What tests need of this machine, beside what a lab does.

use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

/// Installs the packages, unless each of the programs is there. A program that tests run on this machine and not on a lab
/// host, where it would be unpacked for every test.
#[allow(dead_code)]
pub fn ensure(programs: &[&str], packages: &[&str]) {
    // Tests run side by side; the second one finds what the first has installed.
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let there = |program: &&str| {
        let mut look = Command::new("sh");
        look.args(["-c", "command -v \"$0\"", program])
            .stdout(Stdio::null());
        look.status().unwrap().success()
    };
    if programs.iter().all(there) {
        return;
    }
    let packages = packages.join(" ");
    eprintln!("installing for the tests: {packages}");
    let script = format!(
        "export DEBIAN_FRONTEND=noninteractive
         install='apt-get -qqy --no-install-recommends -o DPkg::Lock::Timeout=300 install {packages}'
         $install >/dev/null || {{ apt-get -qq update && $install >/dev/null; }}"
    );
    let done = Command::new("sh").args(["-c", &script]).status().unwrap();
    assert!(done.success(), "{packages} can't be installed");
}
