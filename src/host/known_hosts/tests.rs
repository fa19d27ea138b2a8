use super::*;

const ED: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";
const ED2: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA6rWI3G1sz07DnfFlrouTcysQlj2P+jpNSOEWD9OJ3X";
const EC: &str = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBEmKSENjQEezOmxkZMy7opKgwFB9nkt5YRrYMjNuG5N87uRgg6CLrbo5wAdT/y6v0mKV0U2w0WZ2YB/++Tpockg=";

fn key(text: &str) -> PublicKey {
    PublicKey::from_openssh(text).unwrap()
}

fn judge(file: &str, address: &str, port: u16, offered: &str) -> Verdict {
    let mut known = KnownHosts::default();
    known.add(Path::new("kh"), file, &host_name(address, port));
    known.judge(&key(offered))
}

#[test]
fn a_known_key_matches_under_any_way_of_writing_the_host() {
    for (line, address, port) in [
        (format!("mx1.example.org {ED}"), "mx1.example.org", 22),
        (format!("MX1.example.org {ED} comment"), "mx1.EXAMPLE.org", 22),
        (
            format!("other,mx1,10.0.0.1\t{}", ED.replace(' ', "\t")),
            "10.0.0.1",
            22,
        ),
        (format!("[mx1]:2222 {ED}"), "mx1", 2222),
        (format!("*.example.org {ED}"), "mx1.example.org", 22),
        (format!("  mx1   {ED}  "), "mx1", 22),
        (format!("mx1 {ED2}\nmx1 {EC}\nmx1 {ED}"), "mx1", 22),
        // By `ssh-keygen -H`.
        (
            format!("|1|R0bO0Yv+etNUPNZutEbW+OkDW7s=|rEn1jjRbiQIb1kXecXYQOQsR2+c= {ED}"),
            "mx1",
            22,
        ),
        (
            format!("|1|sKiUQjZ5VycBWve+e7tfToeHLYU=|fFs+fvmalmHSQqYT8aUvuTmaUhQ= {ED}"),
            "mx1",
            2222,
        ),
    ] {
        assert_eq!(judge(&line, address, port, ED), Verdict::Match, "{line}");
    }
}

#[test]
fn anything_else_is_not_a_match() {
    for (file, port, expected) in [
        (String::new(), 22, Verdict::Unknown),
        (format!("mx1 {ED2}"), 22, Verdict::Changed("kh:1".to_owned())),
        (
            format!("# mx1 {ED}\n\nmx1 {ED2}"),
            22,
            Verdict::Changed("kh:3".to_owned()),
        ),
        (format!("@Revoked mx1 {ED}"), 22, Verdict::Unknown),
        (
            format!("@revoked? mx1 {ED}\nmx1 {ED2}"),
            22,
            Verdict::Changed("kh:2".to_owned()),
        ),
        (
            format!("mx1 {EC}"),
            22,
            Verdict::OtherAlgorithm("kh:1".to_owned(), vec!["ecdsa-sha2-nistp256".to_owned()]),
        ),
        // A key of a type that nobody here can read still makes the host a known one.
        (
            "mx1 ssh-new AAAA".to_owned(),
            22,
            Verdict::OtherAlgorithm("kh:1".to_owned(), vec!["ssh-new".to_owned()]),
        ),
        (
            format!("mx1 {ED}\n@revoked * {ED}"),
            22,
            Verdict::Revoked("kh:2".to_owned()),
        ),
        (format!("@cert-authority * {ED}"), 22, Verdict::Unknown),
        (format!("mx1 {ED}"), 2222, Verdict::Unknown),
        (format!("*,!mx1 {ED}"), 22, Verdict::Unknown),
        (format!("|1|%%%|x {ED}\n|1| {ED}\nmx1"), 22, Verdict::Unknown),
    ] {
        assert_eq!(judge(&file, "mx1", port, ED), expected, "{file}");
    }
}

#[test]
fn known_algorithms_are_asked_for_first() {
    let mut known = KnownHosts::default();
    known.add(Path::new("kh"), &format!("mx1 {EC}"), "mx1");
    let preferred = russh::Preferred::DEFAULT.key;
    let order = known.order(&preferred);
    assert_eq!(order[0].as_str(), "ecdsa-sha2-nistp256");
    assert_eq!(order.len(), preferred.len());
}

#[test]
fn an_unreadable_file_fails_closed() {
    let folder = tempfile::tempdir().unwrap();
    // A folder in its place can't be read as a file, not even by root.
    let error = KnownHosts::read(&[folder.path().to_owned()], "mx1", 22).unwrap_err();
    assert!(matches!(error, HostError::HostKey(_)));
    assert!(KnownHosts::read(&[folder.path().join("absent")], "mx1", 22).is_ok());
}

#[test]
fn a_recorded_key_is_known_and_its_file_is_private() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("new/known_hosts");
    append(&file, "MX1", 2222, &key(ED), false).unwrap();
    append(&file, "mx1", 2222, &key(ED), false).unwrap();
    assert_eq!(
        std::fs::read_to_string(&file).unwrap(),
        format!("[mx1]:2222 {ED}\n")
    );
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&file), mode(file.parent().unwrap())), (0o600, 0o700));

    assert!(
        append(&file, "mx1", 2222, &key(ED2), false).is_err(),
        "never two answers"
    );
    append(&file, "mx3", 2222, &key(ED), true).unwrap();
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains("\n|1|") && !text.contains("mx3"), "{text}");
    assert_eq!(judge(&text, "mx3", 2222, ED), Verdict::Match);
    std::fs::write(&file, format!("other {EC}")).unwrap();
    append(&file, "mx2", 22, &key(ED), false).unwrap();
    assert_eq!(
        std::fs::read_to_string(&file).unwrap(),
        format!("other {EC}\nmx2 {ED}\n")
    );
}
