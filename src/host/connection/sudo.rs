//! Becoming root on a host: what is sent, and what a refusal means.
//!
//! The host's side is `become.sh`. The password travels on standard input and is never an argument or a variable
//! of a process's environment.

use crate::host::HostError;
use crate::host::script::quote;
use crate::host::session::LOADER;
use crate::host::session::wire::printable;

/// The one command that is executed over SSH: it reads the length of a script, and the script, from its standard
/// input. It must mean the same to every login shell.
pub const COMMAND: &str = r#"exec env LC_ALL=C sh -c 'IFS= read -r n; eval "$(head -c "$n")"'"#;

/// What the login shell's command reads first.
pub fn bootstrap(nonce: &str) -> String {
    let script = format!(
        "mailprov_nonce={nonce}\nmailprov_loader={}\n{}\n",
        quote(LOADER),
        include_str!("become.sh")
    );
    format!("{}\n{script}", script.len())
}

/// What the host's refusal means and what to do about it; `kind` is become.sh's word, `text` sudo's.
pub fn refusal(name: &str, kind: &str, text: &str) -> HostError {
    let text = printable(text, 1);
    let said = if text.is_empty() {
        String::new()
    } else {
        format!(" (sudo said: {text})")
    };
    let has = |part: &str| text.contains(part);
    let message = if kind == "missing" {
        "sudo is not installed there; log in as root, or install sudo".to_owned()
    } else if has("not in the sudoers") || has("may not run sudo") || has("is not allowed to") {
        format!("this user may not become root with sudo; add it to the group sudo there{said}")
    } else if has("must have a tty") {
        "sudo there wants a terminal; take `Defaults requiretty` out of its sudoers for this user".to_owned()
    } else if kind == "password" {
        format!(
            "sudo wants a password and none is known; set `sudo_password` in the host's `ssh:`, or, if it wanted none \
             before, see what became of this user's rule in /etc/sudoers.d there (sudo -l){said}"
        )
    } else if has("incorrect") || has("Sorry, try again") || has("no password was provided") {
        format!("sudo refused the password; correct `sudo_password` in the host's `ssh:`{said}")
    } else {
        format!("the login can't become root; try `ssh HOST sudo -v`{said}")
    };
    HostError::Refused(format!("{name}: {message}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_says_what_to_do() {
        for (kind, text, expected) in [
            ("missing", "", "install sudo"),
            ("password", "sudo: a password is required", "set `sudo_password`"),
            (
                "wrong",
                "sudo: 1 incorrect password attempt",
                "correct `sudo_password`",
            ),
            ("wrong", "anna is not in the sudoers file.", "group sudo"),
            (
                "password",
                "sudo: sorry, you must have a tty to run sudo",
                "requiretty",
            ),
            ("wrong", "sudo: \u{1b}[31mhm", "sudo -v"),
        ] {
            let text = refusal("mx1", kind, text).to_string();
            assert!(text.contains(expected), "{text}");
            assert!(!text.contains('\u{1b}'));
        }
    }
}
