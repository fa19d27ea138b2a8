//! The kind `password_file`: a file of names and hashed passwords, a line for each.
//!
//! Hashes that are there and verify stay: a new one has a new salt, and would differ at every run.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::gone::Terms;
use super::gone::file::GoneFile;
use super::kind::params::{AbsolutePath, Content, Mode};
use super::kind::{Kind, Params, read, refuse};
use super::probe::{LARGE, PathState, Probe};
use super::promised::{attributes, digest, obstacle};
use super::sql::password::{Password, Scheme};
use super::world::World;
use super::{Assessment, Diff, Fix, Replacement, Resource, Step};
use crate::diagnostic::Diagnostics;
use crate::host::script::Script;
use crate::secret::Secret;

pub const KIND: Kind = Kind {
    name: "password_file",
    page: include_str!("../../book/src/steps/password_file.md"),
    schema: || schemars::schema_for!(PasswordFileParams),
    parse,
};

/// A file of names and hashed passwords.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PasswordFileParams {
    path: AbsolutePath,
    /// A template of the role: a line of JSON for each entry, with `name`, `password`, `rest` and `initial`.
    template: String,
    /// `SHA512-CRYPT`, `SHA256-CRYPT`, `BLF-CRYPT` or `PLAIN`.
    #[serde(default = "sha512")]
    scheme: String,
    /// How much work a hash is: rounds of the two SHAs (5000), or the exponent of `BLF-CRYPT` (12).
    rounds: Option<u32>,
    /// Whether `{SCHEME}`, which Dovecot reads, stands before each hash. Readers of crypt(5) want none.
    #[serde(default = "yes")]
    prefix: bool,
    mode: Option<Mode>,
    owner: Option<String>,
    group: Option<String>,
}

fn sha512() -> String {
    "SHA512-CRYPT".to_owned()
}

fn yes() -> bool {
    true
}

/// A line of the template.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EntryParams {
    name: String,
    password: String,
    /// What follows the hash.
    #[serde(default)]
    rest: String,
    /// Only a new line gets the password: afterwards it is its owner's.
    #[serde(default)]
    initial: bool,
}

#[derive(Debug)]
struct Entry {
    name: String,
    password: Password,
    rest: String,
    initial: bool,
}

#[derive(Debug)]
struct PasswordFile {
    path: AbsolutePath,
    mode: String,
    owner: String,
    group: String,
    entries: Vec<Entry>,
}

/// The first line of the file.
const HEADER: &str = "# Managed by mailprov.";

fn parse(params: &Params<'_>) -> Result<Box<dyn Step>, Diagnostics> {
    let file: PasswordFileParams = read(params)?;
    let mode = file.mode.unwrap_or_else(|| Mode::bits(0o640));
    if mode.world_readable() {
        return Err(refuse(
            params,
            &["mode"],
            "everybody on the host could read the passwords",
        )
        .into());
    }
    let scheme = Scheme::find(&file.scheme)
        .ok_or_else(|| {
            format!(
                "expected SHA512-CRYPT, SHA256-CRYPT, BLF-CRYPT or PLAIN, found `{}`",
                file.scheme
            )
        })
        .map_err(|words| refuse(params, &["scheme"], words))?;
    if scheme.is_plain() && !file.prefix {
        return Err(refuse(
            params,
            &["prefix"],
            "without it nobody could tell a PLAIN password from a hash",
        )
        .into());
    }
    let scheme = if file.prefix { scheme.prefixed() } else { scheme };
    let scheme = scheme
        .with_rounds(file.rounds)
        .map_err(|words| refuse(params, &["rounds"], words))?;
    let lines = Content {
        content: None,
        template: Some(&file.template),
        source: None,
    }
    .resolve(params)?;
    let entries = entries(&lines, scheme).map_err(|words| refuse(params, &["template"], words))?;
    let root = || "root".to_owned();
    Ok(Box::new(PasswordFile {
        path: file.path,
        mode: mode.as_str().to_owned(),
        owner: file.owner.unwrap_or_else(root),
        group: file.group.unwrap_or_else(root),
        entries,
    }))
}

/// The entries of the rendered template; what is wrong with them in words that hold no password.
fn entries(lines: &[u8], scheme: Scheme) -> Result<Vec<Entry>, String> {
    let lines = String::from_utf8_lossy(lines);
    let mut entries: Vec<Entry> = Vec::new();
    for (number, line) in lines
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
    {
        let entry: EntryParams = serde_json::from_str(line)
            .map_err(|error| format!("line {} is no entry in JSON ({:?})", number + 1, error.classify()))?;
        let name = entry.name;
        if name.is_empty() || name.starts_with('#') || name.contains(|c: char| c == ':' || c.is_control()) {
            return Err(format!(
                "`{name}` is no name: it is empty, or holds a colon or a control character"
            ));
        }
        if entry.rest.contains(char::is_control) {
            return Err(format!(
                "what follows the password of `{name}` holds a control character"
            ));
        }
        if entries.iter().any(|known| known.name == name) {
            return Err(format!("`{name}` has two passwords"));
        }
        let secret = Secret::new(entry.password);
        if let Some(words) = scheme.refuses(&secret) {
            return Err(format!("`{name}`: {words}"));
        }
        entries.push(Entry {
            name,
            password: Password::new(secret, scheme),
            rest: entry.rest,
            initial: entry.initial,
        });
    }
    Ok(entries)
}

/// Name → hash and what follows it.
type Lines<'a> = BTreeMap<&'a str, (&'a str, &'a str)>;

fn lines(content: &str) -> Lines<'_> {
    content
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| {
            let (name, rest) = line.split_once(':')?;
            let (hash, rest) = rest.split_once(':').unwrap_or((rest, ""));
            Some((name, (hash, rest)))
        })
        .collect()
}

impl Entry {
    /// The hash that may stay.
    fn keeps<'a>(&self, present: &Lines<'a>) -> Option<&'a str> {
        let (hash, _) = present.get(self.name.as_str())?;
        (self.initial || self.password.is_stored_as(hash)).then_some(*hash)
    }
}

impl PasswordFile {
    /// What the file says now; why that can't be known in words. To take it for empty would be to set every password anew,
    /// also those that are their owners'.
    fn present<'a>(&self, world: &World<'a>) -> Result<&'a str, String> {
        let path = &self.path;
        match world.path(path.as_str()) {
            PathState::File { content, .. } => {
                let content = content.as_deref().ok_or_else(|| {
                    format!(
                        "{path} is over 8 MiB, too large to read the hashes in it: keep so many people in a database"
                    )
                })?;
                std::str::from_utf8(content).map_err(|error| {
                    let line = content[..error.valid_up_to()]
                        .iter()
                        .filter(|byte| **byte == b'\n')
                        .count()
                        + 1;
                    format!(
                        "{path}:{line}: a byte there is no UTF-8, so the file's passwords could not be kept: repair the \
                         line by hand"
                    )
                })
            }
            _ => Ok(""),
        }
    }

    fn content(&self, present: &Lines<'_>) -> String {
        self.entries
            .iter()
            .fold(format!("{HEADER}\n"), |mut text, entry| {
                let hash = entry
                    .keeps(present)
                    .map(str::to_owned)
                    .or_else(|| entry.password.hash())
                    .unwrap_or_default();
                text.push_str(&format!("{}:{hash}", entry.name));
                if !entry.rest.is_empty() {
                    text.push_str(&format!(":{}", entry.rest));
                }
                text.push('\n');
                text
            })
    }

    fn differences(&self, present: &Lines<'_>) -> Diff {
        const HASH: &str = "(hash of the password)";
        let mut diff = Diff::default();
        for entry in &self.entries {
            match present.get(entry.name.as_str()) {
                None => diff = diff.attribute(&entry.name, None, Some(HASH)),
                Some((_, rest)) => {
                    if entry.keeps(present).is_none() {
                        diff = diff.attribute(&entry.name, Some("(hash of another password)"), Some(HASH));
                    }
                    if *rest != entry.rest {
                        // What is promised in other places may have been a secret here.
                        let before = if rest.is_empty() { "" } else { "(other fields)" };
                        diff = diff.attribute(&entry.name, Some(before), Some(&entry.rest));
                    }
                }
            }
        }
        let gone = present
            .keys()
            .filter(|name| !self.entries.iter().any(|entry| entry.name == **name));
        gone.fold(diff, |diff, name| {
            diff.attribute(name, Some("(a password)"), None)
        })
    }
}

impl Step for PasswordFile {
    fn summary(&self) -> String {
        self.path.to_string()
    }

    fn probes(&self) -> Vec<Probe> {
        vec![Probe::Path {
            path: self.path.to_string(),
            unless: Some(LARGE.to_owned()),
        }]
    }

    fn assess(&self, world: &World<'_>) -> Assessment {
        let path = self.path.as_str();
        match world.path(path) {
            PathState::Absent => Assessment::Create(
                self.differences(&Lines::new())
                    .attribute("mode", None, Some(&self.mode))
                    .attribute("owner", None, Some(&self.owner))
                    .attribute("group", None, Some(&self.group)),
            ),
            PathState::File {
                mode, owner, group, ..
            } => {
                let text = match self.present(world) {
                    Ok(text) => text,
                    Err(words) => return Assessment::Refused(words),
                };
                let present = lines(text);
                let mut diff = self.differences(&present);
                if diff.is_empty() && text != self.content(&present) {
                    diff = diff.note("the order of the lines, or comments");
                }
                let pairs = [
                    ("mode", mode, &self.mode),
                    ("owner", owner, &self.owner),
                    ("group", group, &self.group),
                ];
                let diff = attributes(diff, pairs);
                if diff.is_empty() {
                    Assessment::Converged
                } else {
                    Assessment::Change(diff)
                }
            }
            other => Assessment::Refused(obstacle(path, other, "a file")),
        }
    }

    fn fix(&self, world: &World<'_>) -> Fix {
        // `assess` refused it; a fragment that fails is all that is left to say.
        let Ok(text) = self.present(world) else {
            return Fix::Script(Script::new().code("exit 1\n"));
        };
        Fix::Replace(Replacement {
            path: self.path.to_string(),
            content: self.content(&lines(text)).into_bytes(),
            mode: self.mode.clone(),
            owner: self.owner.clone(),
            group: self.group.clone(),
            validate: None,
            backup: true,
            after: None,
            before: None,
        })
    }

    fn provides(&self) -> Vec<Resource> {
        vec![Resource::Path(self.path.to_string())]
    }

    fn requires(&self) -> Vec<Resource> {
        vec![
            Resource::Path(self.path.parent().to_owned()),
            Resource::User(self.owner.clone()),
            Resource::Group(self.group.clone()),
        ]
    }

    fn taken_back(&self, terms: &Terms<'_>) -> Option<Box<dyn Step>> {
        GoneFile::written(self.path.as_str(), None, terms)
    }

    /// Without the passwords: no two hashes of one are equal, and its digest alone could be guessed from.
    fn digest(&self) -> String {
        let names = self
            .entries
            .iter()
            .flat_map(|entry| [entry.name.as_bytes(), entry.rest.as_bytes()]);
        let attributes = [self.path.as_str(), &self.mode, &self.owner, &self.group];
        digest(attributes.iter().map(|part| part.as_bytes()).chain(names))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::step::promised::testing::{Host, file};

    fn made(lines: &str, scheme: &str) -> PasswordFile {
        let scheme = Scheme::find(scheme).unwrap().prefixed();
        let scheme = if scheme.is_plain() {
            scheme
        } else {
            scheme.with_rounds(Some(1000)).unwrap()
        };
        PasswordFile {
            path: AbsolutePath::new("/etc/users").unwrap(),
            mode: "0640".into(),
            owner: "root".into(),
            group: "root".into(),
            entries: entries(lines.as_bytes(), scheme).unwrap(),
        }
    }

    fn written(host: &Host, step: &PasswordFile) -> String {
        match step.fix(&host.world()) {
            Fix::Replace(replacement) => String::from_utf8(replacement.content).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    const ANNE: &str = r#"{"name": "anne@example.org", "password": "a:1 \" ü", "rest": "5000:5000"}"#;
    const BEN: &str = r#"{"name": "ben", "password": "first", "initial": true}"#;

    #[test]
    fn hashes_that_verify_stay_and_others_are_made_anew() {
        let step = made(&format!("{ANNE}\n\n{BEN}\n"), "SHA512-CRYPT");
        let host = Host::default();
        assert!(matches!(host.assess(&step), Assessment::Create(_)));
        let text = written(&host, &step);
        assert!(text.starts_with("# Managed"), "{text}");
        assert!(
            text.contains("\nanne@example.org:{SHA512-CRYPT}$6$") && text.contains(":5000:5000\n"),
            "{text}"
        );
        // Another process makes other hashes, so these were kept.
        let again = made(&format!("{ANNE}\n{BEN}"), "SHA512-CRYPT");
        let there = Host::default().path("/etc/users", file(&text, "0640"));
        assert_eq!(there.assess(&again), Assessment::Converged);
        assert_eq!(written(&there, &again), text);
        // Ben's password is Ben's, a changed one of Anne's is not hers.
        let other = made(
            &format!("{}\n{BEN}", ANNE.replace("a:1", "b:2")).replace("first", "x"),
            "SHA512-CRYPT",
        );
        assert!(matches!(there.assess(&other), Assessment::Change(diff) if diff.0.len() == 1));
        let ben = |text: &str| text.lines().last().unwrap().to_owned();
        assert_eq!(ben(&written(&there, &other)), ben(&text));
        // Whoever is not listed goes, and so does a mode that was opened.
        let alone = made(BEN, "SHA512-CRYPT");
        assert!(matches!(there.assess(&alone), Assessment::Change(diff) if diff.0.len() == 1));
        let open = Host::default().path("/etc/users", file(&text, "0644"));
        assert!(matches!(open.assess(&again), Assessment::Change(diff) if diff.0.len() == 1));
        assert!(!format!("{step:?}").contains("first"));
    }

    #[test]
    fn a_file_that_can_not_be_read_is_not_taken_for_an_empty_one() {
        let step = made(BEN, "SHA512-CRYPT");
        let mut large = file("", "0640");
        let mut latin = file("", "0640");
        if let PathState::File { content, .. } = &mut large {
            *content = None;
        }
        if let PathState::File { content, .. } = &mut latin {
            *content = Some(b"# x\nben:$6$a\nj\xfcrgen:$6$b\n".to_vec());
        }
        for (state, words) in [(large, "over 8 MiB"), (latin, "/etc/users:3: ")] {
            let host = Host::default().path("/etc/users", state);
            assert!(
                matches!(host.assess(&step), Assessment::Refused(said) if said.contains(words)),
                "{words}"
            );
            assert!(matches!(step.fix(&host.world()), Fix::Script(_)), "{words}");
        }
        // 1 MiB is about 6000 people.
        let text = "somebody@example.org:$6$kept\n".repeat(50_000) + "ben:{SHA512-CRYPT}$6$kept\n";
        let host = Host::default().file("/etc/users", &text, "0640");
        assert!(written(&host, &step).ends_with("\nben:{SHA512-CRYPT}$6$kept\n"));
    }

    #[test]
    fn plain_passwords_only_as_long_as_they_are_wanted() {
        let plain = made(r#"{"name": "a", "password": "secret"}"#, "PLAIN");
        let text = written(&Host::default(), &plain);
        assert_eq!(text, format!("{HEADER}\na:{{PLAIN}}secret\n"));
        let there = Host::default().path("/etc/users", file(&text, "0640"));
        assert_eq!(there.assess(&plain), Assessment::Converged);
        let hashed = made(r#"{"name": "a", "password": "secret"}"#, "SHA512-CRYPT");
        assert!(matches!(there.assess(&hashed), Assessment::Change(_)));
        assert!(written(&there, &hashed).contains("a:{SHA512-CRYPT}$6$"));
    }

    #[test]
    fn hashes_for_readers_of_crypt_have_no_prefix() {
        let bare = |lines: &str| PasswordFile {
            entries: entries(
                lines.as_bytes(),
                Scheme::find("SHA512-CRYPT")
                    .unwrap()
                    .with_rounds(Some(1000))
                    .unwrap(),
            )
            .unwrap(),
            ..made(lines, "SHA512-CRYPT")
        };
        let text = written(&Host::default(), &bare(BEN));
        assert!(text.contains("\nben:$6$rounds=1000$"), "{text}");
        let there = Host::default().path("/etc/users", file(&text, "0640"));
        assert_eq!(there.assess(&bare(BEN)), Assessment::Converged);
    }

    #[test]
    fn what_is_no_entry_is_said_without_a_password() {
        let scheme = Scheme::find("PLAIN").unwrap();
        for (lines, words) in [
            ("hunter2", "line 1"),
            (r#"{"name": "a:b", "password": "hunter2"}"#, "a:b"),
            (r#"{"name": "a", "password": "hunter2:"}"#, "colon"),
            (
                r#"{"name": "a", "password": "hunter2", "rest": "x\ny"}"#,
                "control",
            ),
            (
                "{\"name\": \"a\", \"password\": \"hunter2\"}\n{\"name\": \"a\", \"password\": \"x\"}",
                "two",
            ),
        ] {
            let said = entries(lines.as_bytes(), scheme).unwrap_err();
            assert!(said.contains(words) && !said.contains("hunter2"), "{said}");
        }
    }
}
