use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::*;

fn config(folder: &Path, text: &str) -> SshConfig {
    let path = folder.join("config");
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    let mut operator = Operator::current().unwrap();
    operator.home = folder.to_owned();
    SshConfig {
        files: vec![ConfigFile {
            path,
            folder: folder.to_owned(),
            personal: true,
            required: false,
        }],
        operator,
    }
}

fn asked(name: &str) -> Asked {
    Asked {
        name: name.to_owned(),
        default_user: "root".to_owned(),
        ..Asked::default()
    }
}

fn refused(text: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    config(folder.path(), text).options(&asked("mx1")).unwrap_err()
}

#[test]
fn mistakes_name_file_and_line() {
    for (text, parts) in [
        ("Host mx1\n\n HostNam x", ["config:3: ", "`hostname` meant"]),
        ("Match exec \"touch /x\"", ["config:1: ", "never run"]),
        ("ProxyCommand nc x y", ["config:1: ", "use `ProxyJump`"]),
        ("Match final\n", ["config:1: ", "read once"]),
        ("Include config", ["config:1: ", "include one another"]),
        ("User a\0b", ["config:1: ", "not text"]),
        ("IdentityFile %q", ["`%q`", "not understood"]),
        ("IdentityFile ~bob/key", ["~bob", "whole path"]),
        ("HostName -oProxyCommand=x", ["-oproxycommand", "name of a host"]),
        ("ProxyJump a,-b", ["config:1: ", "begin with `-`"]),
    ] {
        let why = refused(text);
        assert!(parts.iter().all(|part| why.contains(part)), "{text}: {why}");
    }
}

#[test]
fn files_that_others_may_write_or_nobody_can_read_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path(), "Port 2222");
    let path = &config.files[0].path;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o622)).unwrap();
    assert!(
        config
            .options(&asked("mx1"))
            .unwrap_err()
            .contains("others may write")
    );
    std::fs::remove_file(path).unwrap();
    assert_eq!(config.options(&asked("mx1")).unwrap().port, 22);
    std::fs::create_dir(path).unwrap();
    assert!(config.options(&asked("mx1")).is_err());
}

#[test]
fn keys_and_known_hosts_are_expanded() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(
        folder.path(),
        "IdentityFile ~/%r_%h\nIdentityFile none\nUserKnownHostsFile none\nIdentityAgent %d/agent",
    );
    let options = config.options(&asked("mx1")).unwrap();
    assert_eq!(options.identity_files, [folder.path().join("root_mx1")]);
    assert!(!options.no_identity_files);
    assert_eq!(options.user_known_hosts, Some(vec!["/dev/null".into()]));
    assert_eq!(options.agent, Agent::Socket(folder.path().join("agent")));
}

#[test]
fn what_is_said_already_wins() {
    use crate::host::connection::Target;
    let folder = tempfile::tempdir().unwrap();
    let config = config(
        folder.path(),
        "Host mx1\n HostName 192.0.2.1\n User file\n Port 1\n IdentityFile /file\n ProxyJump near,me@far:2\n\
         Host near\n ProxyJump nearest\nHost far\n User x\n ProxyJump ignored",
    );
    let mut target = Target {
        name: "mail".to_owned(),
        address: "mx1".to_owned(),
        user: "inventory".to_owned(),
        identity_files: vec!["/inventory".into()],
        ..Target::default()
    };
    complete(&mut target, &config).unwrap();
    assert_eq!(
        (target.address.as_str(), target.port, target.user.as_str()),
        ("192.0.2.1", 1, "inventory")
    );
    assert_eq!(target.identity_files, [PathBuf::from("/inventory")]);
    let way: Vec<_> = target
        .jumps
        .iter()
        .map(|hop| (hop.address.as_str(), hop.port))
        .collect();
    assert_eq!(way, [("nearest", 22), ("near", 22), ("far", 2)]);
    assert_eq!(target.jumps[2].user, "me");
}
