//! The options that matter here, as the lines give them: the first value wins, lists of keys add up.

use std::path::PathBuf;

use super::jump;

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
    /// Options in effect that this program can't honour, first value each: keyword, value, place.
    pub demands: Vec<(&'static str, String, String)>,
    /// Patterns of `IgnoreUnknown`.
    pub ignore_unknown: Option<String>,
}

/// Known to OpenSSH and without meaning for one connection that runs one command, or stricter when not honoured.
const IGNORED: &[&str] = &[
    "addkeystoagent",
    "addressfamily",
    "batchmode",
    "bindaddress",
    "bindinterface",
    "canonicaldomains",
    "canonicalizefallbacklocal",
    "canonicalizemaxdots",
    "canonicalizepermittedcnames",
    "casignaturealgorithms",
    "challengeresponseauthentication",
    "channeltimeout",
    "checkhostip",
    "cipher",
    "ciphers",
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
    "hashknownhosts",
    "hostbasedacceptedalgorithms",
    "hostbasedauthentication",
    "hostbasedkeytypes",
    "hostkeyalgorithms",
    "ipqos",
    "kbdinteractiveauthentication",
    "kbdinteractivedevices",
    "keepalive",
    "kexalgorithms",
    "knownhostscommand",
    "localcommand",
    "localforward",
    "loglevel",
    "logverbose",
    "macs",
    "nohostauthenticationforlocalhost",
    "numberofpasswordprompts",
    "obscurekeystroketiming",
    "passwordauthentication",
    "permitlocalcommand",
    "permitremoteopen",
    "pkcs11provider",
    "preferredauthentications",
    "protocol",
    "proxyusefdpass",
    "pubkeyacceptedalgorithms",
    "pubkeyacceptedkeytypes",
    "pubkeyauthentication",
    "refuseconnection",
    "rekeylimit",
    "remotecommand",
    "remoteforward",
    "requesttty",
    "requiredrsasize",
    "rhostsauthentication",
    "rhostsrsaauthentication",
    "rsaauthentication",
    "securitykeyprovider",
    "sendenv",
    "serveralivecountmax",
    "serveraliveinterval",
    "sessiontype",
    "setenv",
    "skeyauthentication",
    "smartcarddevice",
    "stdinnull",
    "streamlocalbindmask",
    "streamlocalbindunlink",
    "syslogfacility",
    "tag",
    "tcpkeepalive",
    "tisauthentication",
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
                "CanonicalizeHostname" => matches!(value.to_ascii_lowercase().as_str(), "no" | "false"),
                _ => value.eq_ignore_ascii_case("none"),
            };
            if off {
                continue;
            }
            let instead = match *keyword {
                "ProxyCommand" => "use `ProxyJump`, or set `ProxyCommand none` for this host before it",
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
