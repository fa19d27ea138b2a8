//! Probes of paths: two `find`s and one `sha256sum` for any number of them; content only where it differs.

use std::collections::{BTreeMap, HashMap};

use super::{decode, nonsense};
use crate::host::HostError;
use crate::host::script::Script;
use crate::step::probe::{LARGE, Observed, PathState, Probe};

pub const SH: &str = include_str!("paths.sh");

/// Larger files are hashed no more: nothing that mailprov promises is that large, and a database's file may
/// stand where a step only asks whether it exists. `paths.sh` has the same number.
pub const LARGEST_HASHED: u64 = 8 * 1024 * 1024;

/// Larger files are not sent, unless up to [`LARGEST_HASHED`] are asked for. `paths.sh` has the same number.
pub const LARGEST_SENT: usize = 1024 * 1024;

/// Never the digest of anything: `paths.sh` sends no content then.
const DO_NOT_SEND: &str = "-";

/// Paths and what to compare each with, once per path however many probes ask for it.
fn wanted(probes: &[Probe]) -> BTreeMap<&str, &str> {
    let mut wanted = BTreeMap::new();
    for probe in probes {
        let Probe::Path { path, unless } = probe else {
            continue;
        };
        let unless = unless.as_deref().unwrap_or(DO_NOT_SEND);
        wanted
            .entry(path.as_str())
            .and_modify(|known: &mut &str| {
                *known = match (*known, unless) {
                    (LARGE, _) | (_, LARGE) => LARGE,
                    (DO_NOT_SEND, other) | (other, DO_NOT_SEND) => other,
                    (one, other) if one == other => one,
                    // Two promises about one path: neither knows whether it can do without the content.
                    _ => "",
                };
            })
            .or_insert(unless);
    }
    wanted
}

pub fn ask(script: Script, probes: &[Probe]) -> Script {
    let wanted = wanted(probes);
    if wanted.is_empty() {
        return script;
    }
    let words = wanted
        .into_iter()
        .flat_map(|(path, unless)| [path.to_owned(), unless.to_owned(), path.replace('\n', "\u{1}")]);
    script.code("echo @paths\nmailprov_paths").words(words).code("\n")
}

pub fn read(probes: &[Probe], lines: &[&str], observed: &mut Observed) -> Result<(), HostError> {
    let wanted = wanted(probes);
    if wanted.is_empty() {
        return Ok(());
    }
    let Some((first, rest)) = lines.split_first() else {
        return Err(nonsense("paths", "a list of paths", ""));
    };
    let names: Vec<(&str, &str)> = wanted.iter().map(|(name, unless)| (*name, *unless)).collect();
    let mut hashes = hashes(&names, rest)?;
    observed.paths.extend(
        names
            .iter()
            .map(|(name, _)| ((*name).to_owned(), PathState::Absent)),
    );
    let records = decode("paths", first)?;
    let fields: Vec<&[u8]> = records.split(|byte| *byte == 0).collect();
    for record in fields.chunks_exact(7) {
        let text = |i: usize| String::from_utf8_lossy(record[i]).into_owned();
        let path = text(6);
        let Some(slot) = observed
            .paths
            .get_mut(&path)
            .filter(|_| wanted.contains_key(path.as_str()))
        else {
            return Err(nonsense("paths", "a path that was asked about", &path));
        };
        let (mode, owner, group) = (format!("{:0>4}", text(1)), text(2), text(3));
        *slot = match text(0).as_str() {
            "f" => {
                let size = text(4)
                    .parse()
                    .map_err(|_| nonsense("paths", "a size", &text(4)))?;
                let (sha256, content) = hashes.remove(path.as_str()).unwrap_or_default();
                PathState::File {
                    mode,
                    owner,
                    group,
                    size,
                    sha256,
                    content,
                }
            }
            "d" => PathState::Directory { mode, owner, group },
            "l" => PathState::Symlink {
                target: text(5),
                owner,
                group,
            },
            "b" => PathState::Other("block device".into()),
            "c" => PathState::Other("character device".into()),
            "p" => PathState::Other("named pipe".into()),
            "s" => PathState::Other("socket".into()),
            other => return Err(nonsense("paths", "a type of file", other)),
        };
    }
    Ok(())
}

type Hashed = (String, Option<Vec<u8>>);

/// What is said of the files among `names`, each with what its content was asked for with.
fn hashes<'n>(names: &[(&'n str, &str)], lines: &[&str]) -> Result<HashMap<&'n str, Hashed>, HostError> {
    let mut hashes = HashMap::new();
    for line in lines {
        let mut tokens = line.split(' ');
        let name = tokens
            .next()
            .and_then(|index| index.parse::<usize>().ok())
            .and_then(|index| names.get(index.checked_sub(1)?));
        let sha256 = tokens
            .next()
            .filter(|sha| sha.len() == 64 && sha.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let (Some((name, unless)), Some(sha256)) = (name, sha256) else {
            return Err(nonsense("paths", "a number and a digest", line));
        };
        let largest = match *unless {
            LARGE => LARGEST_HASHED as usize,
            _ => LARGEST_SENT,
        };
        let content = match tokens.next() {
            Some(token) => Some(decode("paths", token)?).filter(|content| content.len() <= largest),
            None => None,
        };
        hashes.insert(*name, (sha256.to_owned(), content));
    }
    Ok(hashes)
}

#[cfg(test)]
mod tests {
    use super::super::tests::look;
    use super::*;
    use proptest::prelude::*;
    use sha2::{Digest as _, Sha256};
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    fn hex(bytes: &[u8]) -> String {
        format!("{:x}", Sha256::digest(bytes))
    }

    fn probe(path: &str, unless: Option<&str>) -> Probe {
        Probe::Path {
            path: path.into(),
            unless: unless.map(Into::into),
        }
    }

    #[test]
    fn every_type_of_path_is_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        std::fs::write(at("file"), "text").unwrap();
        std::fs::set_permissions(at("file"), std::fs::Permissions::from_mode(0o4750)).unwrap();
        std::fs::create_dir(at("dir")).unwrap();
        symlink("no where\nelse", at("link")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
        let names = ["file", "dir", "link", "socket", "none", "file/below"];
        let probes: Vec<Probe> = names.iter().map(|name| probe(&at(name), None)).collect();
        let seen = look(&probes).paths;
        assert!(
            matches!(&seen[&at("file")], PathState::File { mode, size: 4, sha256, content: None, .. }
            if mode == "4750" && *sha256 == hex(b"text"))
        );
        assert!(matches!(&seen[&at("dir")], PathState::Directory { .. }));
        assert!(
            matches!(&seen[&at("link")], PathState::Symlink { target, .. } if target == "no where\nelse")
        );
        assert_eq!(seen[&at("socket")], PathState::Other("socket".into()));
        assert_eq!(seen[&at("none")], PathState::Absent);
        assert_eq!(seen[&at("file/below")], PathState::Absent);
    }

    #[test]
    fn content_comes_only_where_it_differs() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file").to_str().unwrap().to_owned();
        std::fs::write(&path, b"bytes\0\xff\n").unwrap();
        let content = |unless: &[Option<&str>]| {
            let probes: Vec<Probe> = unless.iter().map(|unless| probe(&path, *unless)).collect();
            match &look(&probes).paths[&path] {
                PathState::File { content, .. } => content.clone(),
                other => panic!("{other:?}"),
            }
        };
        let sent = Some(b"bytes\0\xff\n".to_vec());
        let same = hex(b"bytes\0\xff\n");
        assert_eq!(content(&[None]), None);
        assert_eq!(content(&[Some("")]), sent);
        assert_eq!(content(&[Some(&hex(b"other"))]), sent);
        assert_eq!(content(&[Some(&same)]), None);
        assert_eq!(content(&[Some(&same), None]), None);
        assert_eq!(content(&[Some(&same), Some(&hex(b"other"))]), sent);
        assert_eq!(content(&[Some(LARGE)]), sent);
    }

    #[test]
    fn a_large_file_is_not_sent_and_a_huge_one_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        std::fs::write(at("large"), vec![b'a'; LARGEST_SENT + 1]).unwrap();
        std::fs::File::create(at("huge"))
            .unwrap()
            .set_len(LARGEST_HASHED + 1)
            .unwrap();
        let large = |seen: &Observed| match &seen.paths[&at("large")] {
            PathState::File { content, .. } => content.as_ref().map(Vec::len),
            other => panic!("{other:?}"),
        };
        let asked = [probe(&at("large"), Some(LARGE)), probe(&at("huge"), Some(LARGE))];
        let seen = look(&asked);
        assert_eq!(large(&seen), Some(LARGEST_SENT + 1));
        assert!(matches!(
            &seen.paths[&at("huge")],
            PathState::File { content: None, .. }
        ));
        for other in [None, Some(""), Some("x")] {
            for pair in [[Some(LARGE), other], [other, Some(LARGE)]] {
                let seen = look(&pair.map(|unless| probe(&at("large"), unless)));
                assert_eq!(large(&seen), Some(LARGEST_SENT + 1), "{pair:?}");
            }
        }
        let seen = look(&[probe(&at("large"), Some("")), probe(&at("huge"), Some(""))]).paths;
        assert!(
            matches!(&seen[&at("large")], PathState::File { content: None, sha256, .. } if sha256.len() == 64)
        );
        assert!(
            matches!(&seen[&at("huge")], PathState::File { content: None, sha256, .. } if sha256.is_empty())
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn any_name_and_any_content(
            names in proptest::collection::btree_set("[^/\0]{1,12}", 1..5),
            content in proptest::collection::vec(any::<u8>(), 0..50)
        ) {
            let folder = tempfile::tempdir().unwrap();
            let mut probes = Vec::new();
            let mut paths = Vec::new();
            for (i, name) in names.iter().filter(|name| *name != "." && *name != "..").enumerate() {
                let path = folder.path().join(name);
                if i % 3 != 2 {
                    std::fs::write(&path, [&content[..], &[i as u8]].concat()).unwrap();
                }
                let path = path.to_str().unwrap().to_owned();
                probes.push(probe(&path, Some("")));
                paths.push(path);
            }
            let seen = look(&probes).paths;
            for (i, path) in paths.iter().enumerate() {
                let expected = (i % 3 != 2).then(|| [&content[..], &[i as u8]].concat());
                match &seen[path] {
                    PathState::Absent => prop_assert_eq!(None, expected),
                    PathState::File { content, sha256, .. } => {
                        prop_assert_eq!(sha256, &hex(content.as_deref().unwrap()));
                        prop_assert_eq!(content.clone(), expected);
                    }
                    other => prop_assert!(false, "{:?}", other),
                }
            }
        }
    }
}
