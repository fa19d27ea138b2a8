//! The reader of ssh_config(5) beside `ssh -G`.

use std::fs;
use std::path::{Path, PathBuf};

use mailprov::host::ssh_config::limits::Family;
use mailprov::host::ssh_config::{Agent, Asked, ConfigFile, Operator, Options, SshConfig, Strict};

use super::{Row, judge, ssh};

/// Name, configuration, what is asked for (`[user@]host[:port]`), and why ours refuses what OpenSSH takes.
type Case = (&'static str, &'static str, &'static str, &'static str);

const CASES: &[Case] = &[
    ("nothing", "", "mx1", ""),
    (
        "host block",
        "Host mx1\n HostName mx1.example.org\n User mail\n Port 2222",
        "mx1",
        "",
    ),
    ("host block of another", "Host mx2\n User mail", "mx1", ""),
    ("several patterns", "Host a b mx?\n User mail", "mx1", ""),
    ("star", "Host *.example.org\n User mail", "mx1.example.org", ""),
    (
        "star needs the dot",
        "Host *.example.org\n User mail",
        "example.org",
        "",
    ),
    (
        "negated pattern",
        "Host *.example.org !mx1.example.org\n User mail",
        "mx1.example.org",
        "",
    ),
    ("negated pattern alone", "Host !mx2\n User mail", "mx1", ""),
    ("patterns know capitals", "Host MX1\n User mail", "mx1", ""),
    ("comma is no separator", "Host mx1,mx2\n User mail", "mx1", ""),
    (
        "first value wins",
        "Host mx1\n User first\nHost *\n User second\n Port 99",
        "mx1",
        "",
    ),
    (
        "before any block",
        "User first\nHost mx1\n User second",
        "mx1",
        "",
    ),
    (
        "command line wins",
        "Host mx1\n User file\n Port 2222",
        "me@mx1:2022",
        "",
    ),
    ("equals sign", "Host=mx1\nUser = mail\nPort=2222", "mx1", ""),
    ("quotes", "Host \"mx1\"\n IdentityFile \"/a b/key\"", "mx1", ""),
    ("single quotes", "IdentityFile '/a b/key'", "mx1", ""),
    ("escaped space", "IdentityFile /a\\ b/key", "mx1", ""),
    ("comment after the value", "Port 2222 # for now", "mx1", ""),
    ("keywords know no capitals", "hOST mx1\n pORT 2222", "mx1", ""),
    (
        "tabs and carriage return",
        "Host\tmx1\r\n\tPort\t2222\r\n",
        "mx1",
        "",
    ),
    (
        "several keys",
        "Host mx1\n IdentityFile /k1\nHost *\n IdentityFile /k2\n IdentityFile /k1",
        "mx1",
        "",
    ),
    (
        "identities only",
        "IdentitiesOnly yes\nIdentityFile /k1",
        "mx1",
        "",
    ),
    ("agent socket", "IdentityAgent ~/agent.sock", "mx1", ""),
    ("no agent", "IdentityAgent none", "mx1", ""),
    (
        "certificates",
        "CertificateFile /c1\nCertificateFile /c2",
        "mx1",
        "",
    ),
    (
        "known hosts with tokens",
        "Host mx1\n HostName %h.example.org\n UserKnownHostsFile ~/.ssh/kh_%h_%n_%p_%r ~/.ssh/%%",
        "mx1",
        "",
    ),
    ("tokens of the operator", "UserKnownHostsFile %d/%u/%i", "mx1", ""),
    ("machine's known hosts", "GlobalKnownHostsFile /a /b", "mx1", ""),
    ("alias of the key", "HostKeyAlias mail", "mx1", ""),
    ("strict: yes", "StrictHostKeyChecking yes", "mx1", ""),
    (
        "strict: accept-new",
        "StrictHostKeyChecking accept-new",
        "mx1",
        "",
    ),
    ("strict: ask", "StrictHostKeyChecking ask", "mx1", ""),
    ("strict: no", "StrictHostKeyChecking no", "mx1", "read as `ask`"),
    ("strict: off", "StrictHostKeyChecking off", "mx1", "read as `ask`"),
    ("one jump", "Host mx1\n ProxyJump me@bastion:2222", "mx1", ""),
    ("several jumps", "ProxyJump a,me@b,[::1]:22", "mx1", ""),
    (
        "jump none before",
        "Host mx1\n ProxyJump none\nHost *\n ProxyJump bastion",
        "mx1",
        "",
    ),
    ("match host", "Match host mx1,mx2\n User mail", "mx1", ""),
    (
        "match host sees HostName",
        "Host mx1\n HostName real\nMatch host real\n User mail",
        "mx1",
        "",
    ),
    (
        "match originalhost",
        "HostName real\nMatch originalhost mx1\n User mail",
        "mx1",
        "",
    ),
    (
        "match originalhost, not HostName",
        "HostName real\nMatch originalhost real\n User mail",
        "mx1",
        "",
    ),
    ("match user", "Match user mail\n Port 2222", "mail@mx1", ""),
    (
        "match user of the file",
        "Host mx1\n User mail\nMatch user mail\n Port 2222",
        "mx1",
        "",
    ),
    (
        "match localuser",
        "Match localuser nobody-here\n Port 2222",
        "mx1",
        "",
    ),
    (
        "match, negated",
        "Match host !mx1,*\n Port 2222\nMatch !host mx2\n User mail",
        "mx1",
        "",
    ),
    (
        "match, two criteria",
        "Match host mx1 user mail\n Port 2222",
        "mail@mx1",
        "",
    ),
    ("match all", "Match all\n Port 2222", "mx1", ""),
    (
        "match all ends a block",
        "Host mx2\n Port 1\nMatch all\n Port 2222",
        "mx1",
        "",
    ),
    ("include", "Include FOLDER/inc/*.conf\nPort 9", "mx1", ""),
    (
        "include within a block",
        "Host mx2\n Include FOLDER/inc/*.conf\nHost *\n Port 9",
        "mx1",
        "",
    ),
    (
        "include of nothing",
        "Include FOLDER/none/*.conf\nPort 9",
        "mx1",
        "",
    ),
    (
        "block of an include ends with it",
        "Host mx1\n Include FOLDER/inc/b.conf\n Port 9",
        "mx1",
        "",
    ),
    (
        "ignored options",
        "SendEnv LANG LC_*\nHashKnownHosts yes\nGSSAPIAuthentication yes\nServerAliveInterval 5",
        "mx1",
        "",
    ),
    (
        "IgnoreUnknown",
        "IgnoreUnknown Use*\nUseMagic yes\nPort 9",
        "mx1",
        "",
    ),
    ("hashed names", "HashKnownHosts yes", "mx1", ""),
    ("batch mode", "BatchMode yes", "mx1", ""),
    ("no keys", "PubkeyAuthentication no", "mx1", ""),
    (
        "keys, bound to the host",
        "PubkeyAuthentication host-bound",
        "mx1",
        "",
    ),
    (
        "no passwords",
        "PasswordAuthentication no\nKbdInteractiveAuthentication no",
        "mx1",
        "",
    ),
    (
        "no passwords, older words",
        "ChallengeResponseAuthentication no",
        "mx1",
        "",
    ),
    (
        "methods",
        "PreferredAuthentications keyboard-interactive,publickey",
        "mx1",
        "",
    ),
    ("size of RSA keys", "RequiredRSASize 3072", "mx1", ""),
    ("address family", "AddressFamily inet6", "mx1", ""),
    ("bind address", "BindAddress 127.0.0.1", "mx1", ""),
    (
        "host key algorithms",
        "HostKeyAlgorithms ssh-ed25519,rsa-sha2-512",
        "mx1",
        "",
    ),
    (
        "host key algorithms, fewer",
        "HostKeyAlgorithms -ssh-ed25519*,ecdsa*",
        "mx1",
        "",
    ),
    (
        "host key algorithms, first",
        "HostKeyAlgorithms ^rsa-sha2-256",
        "mx1",
        "",
    ),
    ("authorities", "CASignatureAlgorithms ssh-ed25519", "mx1", ""),
    (
        "public keys",
        "PubkeyAcceptedAlgorithms -ssh-rsa*,rsa*",
        "mx1",
        "",
    ),
    (
        "ciphers",
        "Ciphers aes256-ctr,chacha20-poly1305@openssh.com",
        "mx1",
        "",
    ),
    ("ciphers, fewer", "Ciphers -*-ctr", "mx1", ""),
    ("key exchange", "KexAlgorithms curve25519-sha256", "mx1", ""),
    ("macs", "MACs hmac-sha2-512-etm@openssh.com", "mx1", ""),
    ("macs of another host", "Host mx2\n MACs hmac-sha2-256", "mx1", ""),
    ("interface", "BindInterface lo", "mx1", "not honoured"),
    (
        "known hosts by a command",
        "KnownHostsCommand /bin/true",
        "mx1",
        "not run",
    ),
    ("known hosts by none", "KnownHostsCommand none", "mx1", ""),
    ("mistake: batch mode", "BatchMode maybe", "mx1", ""),
    ("mistake: family", "AddressFamily inet5", "mx1", ""),
    ("mistake: size of RSA keys", "RequiredRSASize big", "mx1", ""),
    ("host in capitals", "Host *\n HostName MX1.Example.ORG", "mx1", ""),
    ("mistake: unknown option", "Prot 22", "mx1", ""),
    (
        "mistake: unknown in another block",
        "Host mx2\n Prot 22",
        "mx1",
        "",
    ),
    ("mistake: port", "Port 65536", "mx1", ""),
    ("mistake: no value", "User", "mx1", ""),
    ("mistake: too many values", "User a b", "mx1", ""),
    ("mistake: quote", "User \"a", "mx1", ""),
    ("mistake: yes or no", "IdentitiesOnly maybe", "mx1", ""),
    ("mistake: strict", "StrictHostKeyChecking perhaps", "mx1", ""),
    ("mistake: match without criterion value", "Match host", "mx1", ""),
    ("mistake: match all and more", "Match all host mx1", "mx1", ""),
    ("mistake: unknown criterion", "Match moon full", "mx1", ""),
    ("mistake: token in HostName", "HostName %q", "mx1", ""),
    ("match exec", "Match exec true\n Port 2222", "mx1", "never run"),
    (
        "match exec that doesn't decide",
        "Match host mx2 exec true\n Port 2222",
        "mx1",
        "",
    ),
    ("proxy command", "ProxyCommand nc %h %p", "mx1", "not run"),
    (
        "proxy command of another host",
        "Host mx2\n ProxyCommand nc %h %p",
        "mx1",
        "",
    ),
    (
        "canonical names",
        "CanonicalizeHostname always",
        "127.0.0.1",
        "not honoured",
    ),
    (
        "revoked keys in a file",
        "RevokedHostKeys /etc/revoked",
        "mx1",
        "not honoured",
    ),
];

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
        let is_strict = ours.starts_with("refused") || ours.contains("strict=ask");
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

const LISTS: [&str; 6] = [
    "hostkeyalgorithms",
    "casignaturealgorithms",
    "pubkeyacceptedalgorithms",
    "ciphers",
    "kexalgorithms",
    "macs",
];

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
    let own = one("userknownhostsfile");
    let global = one("globalknownhostsfile");
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
    let lists: String = LISTS
        .iter()
        .map(|keyword| {
            let value = one(keyword);
            list(keyword, config, |name| {
                value.split(',').any(|known| known == name)
            })
        })
        .collect();
    let narrowed = format!(
        "hash={} batch={} methods={} {} {} rsa={} family={} bind={}{lists}",
        yes("hashknownhosts"),
        yes("batchmode"),
        method("pubkeyauthentication", "publickey"),
        method("passwordauthentication", "password"),
        method("kbdinteractiveauthentication", "keyboard-interactive"),
        one("requiredrsasize").replace("1024", "0"),
        one("addressfamily"),
        one("bindaddress"),
    );
    format!(
        "{}@{}:{} keys={} only={} agent={agent} certificates={} known={} global={} strict={strict} alias={} jumps={} {narrowed}",
        one("user"),
        one("hostname"),
        one("port"),
        keys.join(" "),
        one("identitiesonly"),
        all("certificatefile").join(" "),
        if own.contains("/.ssh/known_hosts ") {
            String::new()
        } else {
            own
        },
        if global.contains("ssh_known_hosts2") {
            String::new()
        } else {
            global
        },
        one("hostkeyalias"),
        all("proxyjump")
            .iter()
            .filter(|jump| *jump != "none")
            .cloned()
            .collect::<String>(),
    )
}

fn show(options: &Options, config: &str) -> String {
    let limits = &options.limits;
    let lists: String = LISTS
        .iter()
        .map(|keyword| {
            let chosen = match *keyword {
                "hostkeyalgorithms" => &limits.host_keys,
                "casignaturealgorithms" => &limits.authorities,
                "pubkeyacceptedalgorithms" => &limits.public_keys,
                "ciphers" => &limits.ciphers,
                "kexalgorithms" => &limits.kex,
                _ => &limits.macs,
            };
            list(keyword, config, |name| {
                chosen.as_ref().is_none_or(|chosen| chosen.allows(name))
            })
        })
        .collect();
    let narrowed = format!(
        "hash={} batch={} methods={} {} {} rsa={} family={} bind={}{lists}",
        limits.hash_known_hosts,
        limits.batch_mode,
        limits.publickey,
        limits.password,
        limits.keyboard_interactive,
        limits.rsa_size,
        match limits.family {
            Family::Any => "any",
            Family::V4 => "inet",
            Family::V6 => "inet6",
        },
        limits
            .bind_address
            .map(|address| address.to_string())
            .unwrap_or_default(),
    );
    let paths = |paths: &[PathBuf]| {
        let names: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
        names.join(" ")
    };
    let jumps: Vec<String> = options
        .jumps
        .iter()
        .map(|jump| {
            let user = jump
                .user
                .as_ref()
                .map(|user| format!("{user}@"))
                .unwrap_or_default();
            let host = if jump.host.contains(':') {
                format!("[{}]", jump.host)
            } else {
                jump.host.clone()
            };
            let port = jump.port.map(|port| format!(":{port}")).unwrap_or_default();
            format!("{user}{host}{port}")
        })
        .collect();
    format!(
        "{}@{}:{} keys={} only={} agent={} certificates={} known={} global={} strict={} alias={} jumps={} {narrowed}",
        options.user,
        options.host_name,
        options.port,
        paths(&options.identity_files),
        if options.identities_only { "yes" } else { "no" },
        match &options.agent {
            Agent::Environment => String::new(),
            Agent::None => "none".to_owned(),
            Agent::Socket(path) => path.display().to_string(),
        },
        paths(&options.certificate_files),
        paths(options.user_known_hosts.as_deref().unwrap_or_default()),
        paths(options.global_known_hosts.as_deref().unwrap_or_default()),
        match options.strict {
            Strict::Yes => "yes",
            Strict::Ask => "ask",
            Strict::AcceptNew => "accept-new",
        },
        options.host_key_alias.as_deref().unwrap_or_default(),
        jumps.join(","),
    )
}
