//! The reader of ssh_config(5) beside `ssh -G`.

use std::fs;
use std::path::{Path, PathBuf};

use mailprov::host::ssh_config::limits::Family;
use mailprov::host::ssh_config::{Agent, Asked, ConfigFile, Operator, Options, SshConfig, Strict};

use super::{Row, judge, ssh};

mod cases;

use cases::CASES;

/// What a configuration comes to, as far as both readers know it.
#[derive(Debug)]
#[allow(dead_code, reason = "it is printed, and compared as text")]
struct Read {
    user: String,
    host: String,
    port: String,
    keys: String,
    only: bool,
    agent: String,
    certificates: String,
    /// Nothing: the usual files.
    known: String,
    global: String,
    strict: String,
    alias: String,
    jumps: String,
    hash: bool,
    batch: bool,
    /// By key, by password, by questions.
    methods: [bool; 3],
    rsa: String,
    family: String,
    bind: String,
    lists: String,
}

#[test]
fn options_are_those_of_ssh() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("inc")).unwrap();
    fs::write(folder.path().join("inc/a.conf"), "Host mx1\n User included\n").unwrap();
    fs::write(folder.path().join("inc/b.conf"), "Host other\n User wrong\n").unwrap();
    let mut operator = Operator::current().unwrap();
    operator.home = home(operator.uid);
    let mut rows = Vec::new();
    for (name, text, asked, stricter) in CASES {
        let file = folder.path().join("config");
        let text = text.replace("FOLDER", &folder.path().display().to_string());
        fs::write(&file, format!("{text}\n")).unwrap();
        let (user, rest) = match asked.split_once('@') {
            Some((user, rest)) => (Some(user), rest),
            None => (None, *asked),
        };
        let (host, port) = match rest.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (rest, None),
        };
        let openssh = theirs(&file, user, host, port, &operator.home, &text);
        let config = SshConfig {
            files: vec![ConfigFile {
                path: file,
                folder: operator.home.join(".ssh"),
                personal: false,
                required: true,
            }],
            operator: operator.clone(),
        };
        let ours = config.options(&Asked {
            name: host.to_owned(),
            user: user.map(str::to_owned),
            port: port.map(|port| port.parse().unwrap()),
            default_user: operator.name.clone(),
        });
        let ours = ours.map_or_else(|why| format!("refused ({why})"), |options| show(&options, &text));
        let agrees = openssh == ours || (openssh == "refused" && ours.starts_with("refused"));
        // Stricter means refused, or asked about.
        let is_strict = ours.starts_with("refused") || ours.contains("strict: \"ask\"");
        assert!(stricter.is_empty() || is_strict, "{name}: {ours}");
        rows.push(Row {
            case: (*name).to_owned(),
            openssh,
            ours,
            stricter,
            agrees,
        });
    }
    judge(&rows);
}

/// Of the accounts, where ssh(1) has it from.
fn home(uid: u32) -> PathBuf {
    let accounts = fs::read_to_string("/etc/passwd").unwrap();
    let line = accounts
        .lines()
        .find(|line| line.split(':').nth(2) == Some(&uid.to_string()));
    line.unwrap().split(':').nth(5).unwrap().into()
}

/// The names of a list that this program knows, where the configuration speaks of the list at all.
fn list(keyword: &str, text: &str, allowed: impl Fn(&str) -> bool) -> String {
    if !text.to_lowercase().contains(keyword) {
        return String::new();
    }
    let ours = russh::Preferred::DEFAULT;
    let keys = ours.key.iter().map(|key| key.as_str().to_owned());
    let keys = keys.filter(|name| name != "ssh-rsa");
    let mut known: Vec<String> = match keyword {
        "ciphers" => ours.cipher.iter().map(|name| name.as_ref().to_owned()).collect(),
        "macs" => ours.mac.iter().map(|name| name.as_ref().to_owned()).collect(),
        "kexalgorithms" => ours.kex.iter().map(|name| name.as_ref().to_owned()).collect(),
        "casignaturealgorithms" => keys.collect(),
        _ => keys
            .flat_map(|name| [format!("{name}-cert-v01@openssh.com"), name])
            .collect(),
    };
    known.retain(|name| allowed(name) && !name.starts_with("ext-info") && !name.starts_with("kex-strict"));
    known.sort();
    format!(" {keyword}={}", known.join(","))
}

/// [`list`] of every list that there is; `allowed` is asked for its keyword and a name.
fn lists(text: &str, allowed: impl Fn(&str, &str) -> bool) -> String {
    [
        "hostkeyalgorithms",
        "casignaturealgorithms",
        "pubkeyacceptedalgorithms",
        "ciphers",
        "kexalgorithms",
        "macs",
    ]
    .into_iter()
    .map(|keyword| list(keyword, text, |name| allowed(keyword, name)))
    .collect()
}

fn theirs(
    file: &Path,
    user: Option<&str>,
    host: &str,
    port: Option<&str>,
    home: &Path,
    config: &str,
) -> String {
    let mut command = ssh();
    command.arg("-G").arg("-F").arg(file);
    command.args(user.map(|user| format!("-l{user}")));
    command.args(port.map(|port| format!("-p{port}")));
    let output = command.arg(host).output().unwrap();
    if !output.status.success() {
        return "refused".to_owned();
    }
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let all = |key: &str| -> Vec<String> {
        let with = format!("{key} ");
        text.lines()
            .filter_map(|line| line.strip_prefix(&with))
            .map(|value| match value.strip_prefix("~/") {
                Some(rest) => home.join(rest).display().to_string(),
                None => value.to_owned(),
            })
            .collect()
    };
    let one = |key: &str| all(key).into_iter().next().unwrap_or_default();
    let keys: Vec<String> = all("identityfile")
        .into_iter()
        .filter(|path| !path.contains("/.ssh/id_"))
        .collect();
    let strict = match one("stricthostkeychecking").as_str() {
        "true" | "yes" => "yes".to_owned(),
        "false" | "off" => "no".to_owned(),
        other => other.to_owned(),
    };
    let agent = match one("identityagent").as_str() {
        "SSH_AUTH_SOCK" => String::new(),
        other => other.to_owned(),
    };
    let yes = |key: &str| !matches!(one(key).as_str(), "no" | "false");
    let methods = one("preferredauthentications");
    let method = |key: &str, name: &str| {
        yes(key) && (methods.is_empty() || methods.split(',').any(|method| method == name))
    };
    let lists = lists(config, |keyword, name| {
        one(keyword).split(',').any(|known| known == name)
    });
    let unless = |value: String, usual: &str| {
        if value.contains(usual) {
            String::new()
        } else {
            value
        }
    };
    let read = Read {
        user: one("user"),
        host: one("hostname"),
        port: one("port"),
        keys: keys.join(" "),
        only: yes("identitiesonly"),
        agent,
        certificates: all("certificatefile").join(" "),
        known: unless(one("userknownhostsfile"), "/.ssh/known_hosts "),
        global: unless(one("globalknownhostsfile"), "ssh_known_hosts2"),
        strict,
        alias: one("hostkeyalias"),
        jumps: Some(one("proxyjump"))
            .filter(|jumps| jumps != "none")
            .unwrap_or_default(),
        hash: yes("hashknownhosts"),
        batch: yes("batchmode"),
        methods: [
            method("pubkeyauthentication", "publickey"),
            method("passwordauthentication", "password"),
            method("kbdinteractiveauthentication", "keyboard-interactive"),
        ],
        rsa: one("requiredrsasize").replace("1024", "0"),
        family: one("addressfamily"),
        bind: one("bindaddress"),
        lists,
    };
    format!("{read:?}")
}

/// The hosts on the way, as ssh writes them.
fn jumps(options: &Options) -> String {
    let jumps = options.jumps.iter().map(|jump| {
        let user = jump.user.as_ref().map(|user| format!("{user}@"));
        let host = if jump.host.contains(':') {
            format!("[{}]", jump.host)
        } else {
            jump.host.clone()
        };
        let port = jump.port.map(|port| format!(":{port}"));
        format!("{}{host}{}", user.unwrap_or_default(), port.unwrap_or_default())
    });
    jumps.collect::<Vec<_>>().join(",")
}

fn show(options: &Options, config: &str) -> String {
    let limits = &options.limits;
    let lists = lists(config, |keyword, name| {
        let chosen = match keyword {
            "hostkeyalgorithms" => &limits.host_keys,
            "casignaturealgorithms" => &limits.authorities,
            "pubkeyacceptedalgorithms" => &limits.public_keys,
            "ciphers" => &limits.ciphers,
            "kexalgorithms" => &limits.kex,
            _ => &limits.macs,
        };
        chosen.as_ref().is_none_or(|chosen| chosen.allows(name))
    });
    let paths = |paths: &[PathBuf]| {
        let names: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
        names.join(" ")
    };
    let read = Read {
        user: options.user.clone(),
        host: options.host_name.clone(),
        port: options.port.to_string(),
        keys: paths(&options.identity_files),
        only: options.identities_only,
        agent: match &options.agent {
            Agent::Environment => String::new(),
            Agent::None => "none".to_owned(),
            Agent::Socket(path) => path.display().to_string(),
        },
        certificates: paths(&options.certificate_files),
        known: paths(options.user_known_hosts.as_deref().unwrap_or_default()),
        global: paths(options.global_known_hosts.as_deref().unwrap_or_default()),
        strict: match options.strict {
            Strict::Yes => "yes",
            Strict::Ask => "ask",
            Strict::AcceptNew => "accept-new",
        }
        .to_owned(),
        alias: options.host_key_alias.clone().unwrap_or_default(),
        jumps: jumps(options),
        hash: limits.hash_known_hosts,
        batch: limits.batch_mode,
        methods: [limits.publickey, limits.password, limits.keyboard_interactive],
        rsa: limits.rsa_size.to_string(),
        family: match limits.family {
            Family::Any => "any",
            Family::V4 => "inet",
            Family::V6 => "inet6",
        }
        .to_owned(),
        bind: limits
            .bind_address
            .map(|address| address.to_string())
            .unwrap_or_default(),
        lists,
    };
    format!("{read:?}")
}
