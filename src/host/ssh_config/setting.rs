//! The options that matter here, as the lines give them: the first value wins, lists of keys add up.

use std::path::PathBuf;

use super::jump;
use super::limits::{Algorithms, Family, Limits};

/// Which agent holds keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Agent {
    /// `$SSH_AUTH_SOCK`, when it is set.
    #[default]
    Environment,
    None,
    Socket(PathBuf),
}

/// What happens to a host key that nobody knows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Strict {
    /// Refused.
    Yes,
    /// `no` and `off` are read as this.
    #[default]
    Ask,
    AcceptNew,
}

/// Values before expansion, each with the place that it came from where it may still be refused.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    pub host_name: Option<String>,
    pub user: Option<String>,
    pub port: Option<u16>,
    pub identity_files: Vec<String>,
    pub identities_only: Option<bool>,
    pub identity_agent: Option<String>,
    pub certificate_files: Vec<String>,
    pub user_known_hosts: Option<Vec<String>>,
    pub global_known_hosts: Option<Vec<String>>,
    pub strict: Option<Strict>,
    pub host_key_alias: Option<String>,
    /// With its place.
    pub proxy_jump: Option<(String, String)>,
    pub narrowed: Narrowed,
    /// Options in effect that this program can't honour, first value each: keyword, value, place.
    pub demands: Vec<(&'static str, String, String)>,
    /// Patterns of `IgnoreUnknown`.
    pub ignore_unknown: Option<String>,
}

/// Known to OpenSSH and without meaning for one connection that runs one command, or stricter when not honoured.
const IGNORED: &[&str] = &[
    "addkeystoagent",
    "canonicaldomains",
    "canonicalizefallbacklocal",
    "canonicalizemaxdots",
    "canonicalizepermittedcnames",
    "channeltimeout",
    "checkhostip",
    "cipher",
    "clearallforwardings",
    "compression",
    "compressionlevel",
    "connectionattempts",
    "connecttimeout",
    "controlmaster",
    "controlpath",
    "controlpersist",
    "dsaauthentication",
    "dynamicforward",
    "enableescapecommandline",
    "enablesshkeysign",
    "escapechar",
    "exitonforwardfailure",
    "fallbacktorsh",
    "fingerprinthash",
    "forkafterauthentication",
    "forwardagent",
    "forwardx11",
    "forwardx11timeout",
    "forwardx11trusted",
    "gatewayports",
    "gssapiauthentication",
    "gssapiclientidentity",
    "gssapidelegatecredentials",
    "gssapikexalgorithms",
    "gssapikeyexchange",
    "gssapirenewalforcesrekey",
    "gssapiserveridentity",
    "gssapitrustdns",
    "hostbasedacceptedalgorithms",
    "hostbasedauthentication",
    "hostbasedkeytypes",
    "ipqos",
    "kbdinteractivedevices",
    "keepalive",
    "localcommand",
    "localforward",
    "loglevel",
    "logverbose",
    "nohostauthenticationforlocalhost",
    "numberofpasswordprompts",
    "obscurekeystroketiming",
    "permitlocalcommand",
    "permitremoteopen",
    "pkcs11provider",
    "protocol",
    "proxyusefdpass",
    "rekeylimit",
    "remotecommand",
    "remoteforward",
    "requesttty",
    "rhostsauthentication",
    "rhostsrsaauthentication",
    "rsaauthentication",
    "securitykeyprovider",
    "sendenv",
    "serveralivecountmax",
    "serveraliveinterval",
    "sessiontype",
    "setenv",
    "smartcarddevice",
    "stdinnull",
    "streamlocalbindmask",
    "streamlocalbindunlink",
    "syslogfacility",
    "tag",
    "tcpkeepalive",
    "tunnel",
    "tunneldevice",
    "updatehostkeys",
    "useprivilegedport",
    "userroaming",
    "usersh",
    "usekeychain",
    "verifyhostkeydns",
    "versionaddendum",
    "visualhostkey",
    "warnweakcrypto",
    "xauthlocation",
];
const KEY_FILES: usize = 100;

impl Settings {
    /// Takes a line. `active`: its block applies to the host; a line that makes no sense is refused either way.
    ///
    /// # Errors
    /// What is wrong with the line.
    pub fn take(
        &mut self,
        keyword: &str,
        words: Vec<String>,
        active: bool,
        place: &str,
    ) -> Result<(), String> {
        let one = || match words.as_slice() {
            [] => Err(format!("`{keyword}` has no value")),
            [word] if word.is_empty() => Err(format!("`{keyword}` has an empty value")),
            [word] => Ok(word.clone()),
            [_, more, ..] => Err(format!(
                "`{more}` is too much after the value of `{keyword}`; put quotes around a value with spaces"
            )),
        };
        let some = || {
            if words.is_empty() || words.iter().any(String::is_empty) {
                Err(format!("`{keyword}` has an empty value"))
            } else {
                Ok(words.clone())
            }
        };
        match keyword {
            "hostname" => first(&mut self.host_name, one()?, active),
            "user" => first(&mut self.user, one()?, active),
            "port" => {
                let word = one()?;
                let port = word.parse().ok().filter(|port| *port != 0);
                let port =
                    port.ok_or_else(|| format!("`{word}` is no port; expected a number from 1 to 65535"))?;
                first(&mut self.port, port, active);
            }
            "identityfile" => add(&mut self.identity_files, one()?, active)?,
            "certificatefile" => add(&mut self.certificate_files, one()?, active)?,
            "identitiesonly" => first(&mut self.identities_only, flag(&one()?)?, active),
            "identityagent" => first(&mut self.identity_agent, one()?, active),
            "userknownhostsfile" => first(&mut self.user_known_hosts, some()?, active),
            "globalknownhostsfile" => first(&mut self.global_known_hosts, some()?, active),
            "stricthostkeychecking" => first(&mut self.strict, strict(&one()?)?, active),
            "hostkeyalias" => first(&mut self.host_key_alias, one()?, active),
            "proxyjump" => {
                let value = one()?;
                jump::parse(&value)?;
                let free = !self.demands.iter().any(|(name, ..)| *name == "ProxyCommand");
                first(&mut self.proxy_jump, (value, place.to_owned()), active && free);
            }
            "proxycommand" => {
                // The command is the rest of the line, quotes and all: only whether it is `none` matters.
                let free = self.proxy_jump.is_none();
                self.demand("ProxyCommand", words.join(" "), active && free, place);
            }
            "canonicalizehostname" => self.demand("CanonicalizeHostname", one()?, active, place),
            "revokedhostkeys" => self.demand("RevokedHostKeys", one()?, active, place),
            "refuseconnection" => self.demand("RefuseConnection", words.join(" "), active, place),
            "bindinterface" => self.demand("BindInterface", one()?, active, place),
            "knownhostscommand" => self.demand("KnownHostsCommand", words.join(" "), active, place),
            _ if NARROWING.contains(&keyword) => self.narrowed.take(keyword, &one()?, active, place)?,
            "ignoreunknown" => first(&mut self.ignore_unknown, one()?, active),
            _ if IGNORED.contains(&keyword) => {
                if words.is_empty() {
                    return Err(format!("`{keyword}` has no value"));
                }
            }
            _ => return Err(unknown(keyword)),
        }
        Ok(())
    }

    fn demand(&mut self, keyword: &'static str, value: String, active: bool, place: &str) {
        if active && !self.demands.iter().any(|(name, ..)| *name == keyword) {
            self.demands.push((keyword, value, place.to_owned()));
        }
    }

    /// Refuses what is in effect and can't be honoured.
    ///
    /// # Errors
    /// The place, and what to do instead.
    pub fn honoured(&self) -> Result<(), String> {
        for (keyword, value, place) in &self.demands {
            let off = match *keyword {
                "RefuseConnection" => false,
                "CanonicalizeHostname" => matches!(value.to_ascii_lowercase().as_str(), "no" | "false"),
                _ => value.eq_ignore_ascii_case("none"),
            };
            if off {
                continue;
            }
            let instead = match *keyword {
                "ProxyCommand" => "use `ProxyJump`, or set `ProxyCommand none` for this host before it",
                "RefuseConnection" => "it says that this host is not to be connected to",
                "BindInterface" => "use `BindAddress`",
                "KnownHostsCommand" => {
                    "put the keys into a known_hosts file, and set it to `none` for this host"
                }
                "CanonicalizeHostname" => {
                    "give the full name in the inventory, and set it to `no` for this host"
                }
                _ => "put the keys into a known_hosts file with the marker `@revoked`",
            };
            return Err(format!(
                "{place}: `{keyword} {value}` can't be honoured here; {instead}"
            ));
        }
        Ok(())
    }
}

/// Options that narrow a connection; each has one value.
const NARROWING: [&str; 19] = [
    "addressfamily",
    "batchmode",
    "bindaddress",
    "casignaturealgorithms",
    "challengeresponseauthentication",
    "ciphers",
    "hashknownhosts",
    "hostkeyalgorithms",
    "kbdinteractiveauthentication",
    "kexalgorithms",
    "macs",
    "passwordauthentication",
    "preferredauthentications",
    "pubkeyacceptedalgorithms",
    "pubkeyacceptedkeytypes",
    "pubkeyauthentication",
    "requiredrsasize",
    "skeyauthentication",
    "tisauthentication",
];

/// What narrows the connection, first value each.
#[derive(Debug, Clone, Default)]
pub struct Narrowed {
    batch_mode: Option<bool>,
    hash_known_hosts: Option<bool>,
    publickey: Option<bool>,
    password: Option<bool>,
    keyboard_interactive: Option<bool>,
    methods: Option<Vec<String>>,
    host_keys: Option<Algorithms>,
    authorities: Option<Algorithms>,
    public_keys: Option<Algorithms>,
    kex: Option<Algorithms>,
    ciphers: Option<Algorithms>,
    macs: Option<Algorithms>,
    rsa_size: Option<u32>,
    family: Option<Family>,
    bind_address: Option<std::net::IpAddr>,
}

impl Narrowed {
    fn take(&mut self, keyword: &str, value: &str, active: bool, place: &str) -> Result<(), String> {
        let algorithms = || Algorithms::parse(value, place);
        match keyword {
            "batchmode" => first(&mut self.batch_mode, flag(value)?, active),
            "hashknownhosts" => first(&mut self.hash_known_hosts, flag(value)?, active),
            "pubkeyauthentication" => {
                let bound = ["unbound", "host-bound"].contains(&value.to_ascii_lowercase().as_str());
                first(&mut self.publickey, bound || flag(value)?, active);
            }
            "passwordauthentication" => first(&mut self.password, flag(value)?, active),
            "kbdinteractiveauthentication"
            | "challengeresponseauthentication"
            | "skeyauthentication"
            | "tisauthentication" => first(&mut self.keyboard_interactive, flag(value)?, active),
            "preferredauthentications" => {
                let names = value.split(',').map(str::to_owned).collect();
                first(&mut self.methods, names, active);
            }
            "hostkeyalgorithms" => first(&mut self.host_keys, algorithms()?, active),
            "casignaturealgorithms" => first(&mut self.authorities, algorithms()?, active),
            "pubkeyacceptedalgorithms" | "pubkeyacceptedkeytypes" => {
                first(&mut self.public_keys, algorithms()?, active);
            }
            "kexalgorithms" => first(&mut self.kex, algorithms()?, active),
            "ciphers" => first(&mut self.ciphers, algorithms()?, active),
            "macs" => first(&mut self.macs, algorithms()?, active),
            "requiredrsasize" => {
                let bits = value
                    .parse()
                    .map_err(|_| format!("`{value}` is no number of bits"))?;
                first(&mut self.rsa_size, bits, active);
            }
            "addressfamily" => {
                let family = match value.to_ascii_lowercase().as_str() {
                    "any" => Family::Any,
                    "inet" => Family::V4,
                    "inet6" => Family::V6,
                    _ => return Err(format!("`{value}` is none of `any`, `inet` and `inet6`")),
                };
                first(&mut self.family, family, active);
            }
            _ => match value.parse() {
                Ok(address) => first(&mut self.bind_address, address, active),
                Err(_) if !active => {}
                Err(_) => {
                    return Err(format!(
                        "`{keyword} {value}` can't be honoured here; give it as an address"
                    ));
                }
            },
        }
        Ok(())
    }

    /// What comes of it.
    pub fn limits(self) -> Limits {
        let method = |name: &str| {
            self.methods
                .as_ref()
                .is_none_or(|methods| methods.iter().any(|one| one == name))
        };
        Limits {
            publickey: self.publickey.unwrap_or(true) && method("publickey"),
            password: self.password.unwrap_or(true) && method("password"),
            keyboard_interactive: self.keyboard_interactive.unwrap_or(true) && method("keyboard-interactive"),
            batch_mode: self.batch_mode.unwrap_or(false),
            hash_known_hosts: self.hash_known_hosts.unwrap_or(false),
            host_keys: self.host_keys,
            authorities: self.authorities,
            public_keys: self.public_keys,
            kex: self.kex,
            ciphers: self.ciphers,
            macs: self.macs,
            rsa_size: self.rsa_size.unwrap_or(0),
            family: self.family.unwrap_or_default(),
            bind_address: self.bind_address,
        }
    }
}

fn first<T>(slot: &mut Option<T>, value: T, active: bool) {
    if active && slot.is_none() {
        *slot = Some(value);
    }
}

fn add(list: &mut Vec<String>, value: String, active: bool) -> Result<(), String> {
    if active && !list.contains(&value) {
        if list.len() == KEY_FILES {
            return Err(format!("more than {KEY_FILES} files"));
        }
        list.push(value);
    }
    Ok(())
}

fn flag(word: &str) -> Result<bool, String> {
    match word.to_ascii_lowercase().as_str() {
        "yes" | "true" => Ok(true),
        "no" | "false" => Ok(false),
        _ => Err(format!("`{word}` is neither `yes` nor `no`")),
    }
}

fn strict(word: &str) -> Result<Strict, String> {
    match word.to_ascii_lowercase().as_str() {
        "yes" | "true" => Ok(Strict::Yes),
        "ask" | "no" | "off" | "false" => Ok(Strict::Ask),
        "accept-new" => Ok(Strict::AcceptNew),
        _ => Err(format!("`{word}` is none of `yes`, `ask`, `accept-new` and `no`")),
    }
}

fn unknown(keyword: &str) -> String {
    const KNOWN: [&str; 18] = [
        "host",
        "match",
        "include",
        "hostname",
        "user",
        "port",
        "identityfile",
        "certificatefile",
        "identitiesonly",
        "identityagent",
        "userknownhostsfile",
        "globalknownhostsfile",
        "stricthostkeychecking",
        "hostkeyalias",
        "proxyjump",
        "proxycommand",
        "ignoreunknown",
        "sendenv",
    ];
    let near = KNOWN
        .iter()
        .map(|known| (strsim::damerau_levenshtein(keyword, known), known))
        .min()
        .filter(|(distance, _)| *distance <= 2);
    match near {
        Some((_, known)) => format!("`{keyword}` is no option; was `{known}` meant?"),
        None => format!(
            "`{keyword}` is no option that OpenSSH knows; `IgnoreUnknown {keyword}` before it skips it"
        ),
    }
}
