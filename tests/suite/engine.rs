//! The engine knows nothing of mail: roles do, and `verify`, which is a mail client's view of a server.

use std::fs;
use std::path::{Path, PathBuf};

const PROGRAMS: [&str; 16] = [
    "amavis",
    "certbot",
    "clamav",
    "dovecot",
    "fail2ban",
    "freshclam",
    "opendkim",
    "opendmarc",
    "policyd",
    "postfix",
    "postscreen",
    "roundcube",
    "rspamd",
    "sievec",
    "spamassassin",
    "spamd",
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && name != "verify" {
            sources(&path, found);
        } else if name.ends_with(".rs") && !["tests.rs", "toy.rs", "verify.rs"].contains(&name.as_str()) {
            found.push(path);
        }
    }
}

/// What is run: no comments, no unit tests, no examples of command lines.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .take_while(|(_, line)| line.trim() != "#[cfg(test)]")
        .filter(|(_, line)| !line.trim_start().starts_with("//") && !line.starts_with("  mailprov "))
}

#[test]
fn the_engine_names_no_mail_program() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    sources(&root.join("src"), &mut files);
    assert!(files.len() > 100, "{} files of the engine", files.len());
    let mut named = Vec::new();
    for file in &files {
        let text = fs::read_to_string(file).unwrap();
        for (number, line) in code(&text) {
            let lower = line.to_lowercase();
            if PROGRAMS.iter().any(|program| lower.contains(program)) {
                named.push(format!("{}:{}: {}", file.display(), number + 1, line.trim()));
            }
        }
    }
    assert!(named.is_empty(), "roles and `verify` may:\n{}", named.join("\n"));
}
