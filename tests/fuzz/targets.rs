//! What is fuzzed, and from which seeds.

use std::fs;
use std::path::{Path, PathBuf};

use mailprov::diagnostic::{Place, Source};
use mailprov::host::known_hosts::KnownHosts;
use mailprov::host::session::frame::Frames;
use mailprov::host::ssh_config::{Asked, ConfigFile, Operator, SshConfig};
use mailprov::host::{facts, observe};
use mailprov::inventory;
use mailprov::role::load::Roles;
use mailprov::step::probe::{Engine, Probe};
use russh::keys::PublicKey;

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";

/// Reads one mutated input; it may refuse it, and nothing else.
type Reader = Box<dyn Fn(&[u8]) + Send>;

pub struct Target {
    pub name: &'static str,
    pub seeds: Vec<Vec<u8>>,
    pub run: Reader,
}

pub fn all() -> Vec<Target> {
    vec![
        inventories(),
        roles(),
        known_hosts(),
        ssh_config(),
        observed(),
        host_facts(),
        frames(),
    ]
}

/// A folder in memory where there is one: files of single executions.
fn folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() {
        tempfile::tempdir_in(memory)
    } else {
        tempfile::tempdir()
    }
    .unwrap()
}

/// Files below `path` that are called so, sorted.
fn corpus(path: &str, is_wanted: fn(&str) -> bool) -> Vec<Vec<u8>> {
    fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(&path, found);
            } else {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join(path), &mut found);
    found.sort();
    found
        .iter()
        .filter(|path| {
            path.file_name()
                .is_some_and(|name| is_wanted(&name.to_string_lossy()))
        })
        .map(|path| fs::read(path).unwrap())
        .filter(|content| content.len() < 32 << 10)
        .collect()
}

fn inventories() -> Target {
    let mut seeds = corpus("tests/broken", |name| {
        name.ends_with(".yaml") && name != "role.yaml"
    });
    seeds.extend(corpus("inventories", |name| name.ends_with(".yaml")));
    let folder = folder();
    Target {
        name: "inventory",
        seeds,
        run: Box::new(move |input| {
            let file = folder.path().join("inventory.yaml");
            fs::write(&file, input).unwrap();
            if let Err(mistakes) = inventory::load::load(&file, &[]) {
                assert!(!mistakes.to_string().is_empty());
            }
        }),
    }
}

fn roles() -> Target {
    let mut seeds = corpus("roles", |name| name == "role.yaml");
    seeds.extend(corpus("tests/broken", |name| name == "role.yaml"));
    let folder = folder();
    let role = folder.path().join("fuzzed");
    fs::create_dir(&role).unwrap();
    let place = Place {
        source: Source::new("inventory.yaml", "- fuzzed"),
        line: 1,
        column: 3,
        length: 6,
    };
    Target {
        name: "role",
        seeds,
        run: Box::new(move |input| {
            fs::write(role.join("role.yaml"), input).unwrap();
            let wanted = [("fuzzed".to_owned(), place.clone())];
            if let Err(mistakes) = Roles::load(&[folder.path().to_owned()], &wanted) {
                assert!(!mistakes.to_string().is_empty());
            }
        }),
    }
}

fn known_hosts() -> Target {
    let seeds = [
        format!("mx1 {KEY}\n[mx1]:2222 {KEY} comment\n*.example.org,!mx1 {KEY}\n"),
        format!("|1|R0bO0Yv+etNUPNZutEbW+OkDW7s=|rEn1jjRbiQIb1kXecXYQOQsR2+c= {KEY}\n"),
        format!("@revoked * {KEY}\n@cert-authority *.org {KEY}\n# x\n\nmx1 ssh-new AAAA\n"),
    ];
    let key = PublicKey::from_openssh(KEY).unwrap();
    let folder = folder();
    Target {
        name: "known-hosts",
        seeds: seeds.into_iter().map(String::into_bytes).collect(),
        run: Box::new(move |input| {
            let file = folder.path().join("known_hosts");
            fs::write(&file, input).unwrap();
            for port in [22, 2222] {
                let known = KnownHosts::read(std::slice::from_ref(&file), "mx1", port).unwrap();
                let _ = known.judge(&key);
                let _ = known.order(&[key.algorithm()]);
            }
        }),
    }
}

fn ssh_config() -> Target {
    let seeds: [&str; 4] = [
        "Host mx1 !mx2 *.org\n  HostName %h.example.org\n  User mail\n  Port 2222\n  IdentityFile ~/.ssh/%r_%h\n",
        "Match host mx1,!mx2 user root\n  ProxyJump me@a:22,[::1]:2,ssh://b\nMatch all\n  StrictHostKeyChecking no\n",
        "Include config\nInclude *.conf\nIgnoreUnknown Use*\nUseThat \"a b\" 'c' d\\ e # f\nIdentityAgent $SOCK\n",
        "Host=mx1\nUserKnownHostsFile ~/%k %d/%u/%i/%p/%n/%l/%L ${HOME}/x\nHostKeyAlias a\nCertificateFile none\n",
    ];
    let folder = folder();
    let mut operator = Operator::current().unwrap();
    operator.home = folder.path().to_owned();
    let file = folder.path().join("config");
    let config = SshConfig {
        files: vec![ConfigFile {
            path: file.clone(),
            folder: folder.path().to_owned(),
            personal: false,
            required: true,
        }],
        operator,
    };
    let asked = Asked {
        name: "mx1".to_owned(),
        default_user: "root".to_owned(),
        ..Asked::default()
    };
    Target {
        name: "ssh-config",
        seeds: seeds.map(|seed| seed.as_bytes().to_vec()).to_vec(),
        run: Box::new(move |input| {
            let _ = &folder;
            fs::write(&file, input).unwrap();
            if let Err(what) = config.options(&asked) {
                assert!(!what.is_empty());
            }
        }),
    }
}

/// One probe of each kind, harmless ones: their script is run here to get a true answer as the seed.
fn probes() -> Vec<Probe> {
    vec![
        Probe::Path {
            path: "/etc/passwd".into(),
            unless: Some(String::new()),
        },
        Probe::Path {
            path: "/nonexistent".into(),
            unless: None,
        },
        Probe::Package("coreutils".into()),
        Probe::Unit("ssh.service".into()),
        Probe::User("root".into()),
        Probe::Group("root".into()),
        Probe::Sysctl("kernel.ostype".into()),
        Probe::Sql {
            engine: Engine::Mariadb,
            database: String::new(),
            query: "SELECT HEX(1)".into(),
        },
        Probe::Check("echo hello".into()),
    ]
}

fn observed() -> Target {
    let folder = folder();
    let script = folder.path().join("script");
    fs::write(
        &script,
        format!(
            "{}{}",
            observe::PRELUDE.concat(),
            observe::script(&probes()).as_str()
        ),
    )
    .unwrap();
    let output = std::process::Command::new("sh").arg(&script).output().unwrap();
    assert!(
        observe::parse(&probes(), &output.stdout).is_ok(),
        "the seed is a true answer"
    );
    Target {
        name: "observe",
        seeds: vec![output.stdout],
        run: Box::new(|input| {
            let _ = observe::parse(&probes(), input);
        }),
    }
}

fn host_facts() -> Target {
    let seed = "lock none\ndistribution debian\nrelease 13\ncodename trixie\narchitecture amd64\ninit systemd\nhostname \
                mx1\nfqdn mx1.example.org\nmemory 2000\nclock 1700000000\nlogin root\ninstalled sudo 1.9\ncandidate x 2\n";
    Target {
        name: "facts",
        seeds: vec![seed.into(), b"lock other somebody\n".to_vec()],
        run: Box::new(|input| {
            let _ = facts::parse("mx1", input);
        }),
    }
}

fn frames() -> Target {
    let seeds: [&[u8]; 3] = [
        b"Welcome\nNONCE o\nlock none\nx\nNONCE d 0\nNONCE p 0 half\nNONCE f 0 0 1 2 3 4\nabcdefg",
        b"NONCE h password\nNONCE r password no\nNONCE x full\n",
        b"NONCE f 1 -1 1.5 99.25 0 0\nNONCE f 2 0 1 2 4294967296 1\n",
    ];
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    Target {
        name: "frames",
        seeds: seeds.map(<[u8]>::to_vec).to_vec(),
        run: Box::new(move |input| {
            runtime.block_on(async {
                let mut frames = Frames::new(input, "NONCE");
                frames.begin();
                while frames.next().await.is_ok() {}
                let _ = frames.noise();
            });
        }),
    }
}
