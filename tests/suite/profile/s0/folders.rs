//! Folders of mail: where they are, what they are for, what they may hold, and who sees them.

use super::super::Profile;
use super::super::client::{doveconf, imap, imap_done};

const ANNA: &str = "anna@example.org";
const BERND: &str = "bernd@example.org";

pub fn storage(profile: &Profile) {
    let host = &profile.host;
    imap_done(host, ANNA, &["CREATE Ablage/2026", "SELECT Ablage/2026"]);
    let home = "/var/vmail/example.org/anna";
    host.sh(&format!("test -d {home}/Maildir/Ablage/2026/cur"));
    assert_eq!(host.sh(&format!("stat -c %U {home}/Maildir/cur")), "vmail");
    for (setting, value) in [
        ("mail_driver", "maildir"),
        ("mail_path", "~/Maildir"),
        ("mailbox_list_layout", "fs"),
        ("mailbox_list_index", "yes"),
    ] {
        assert_eq!(doveconf(host, "", setting), value, "{setting}");
    }
    host.sh("doveconf -n | grep -q 'very_dirty_syncs = yes'");
}

/// Four are made and subscribed; under other names a folder gets its purpose when a program makes it.
pub fn special(profile: &Profile) {
    let host = &profile.host;
    let made = ["Archive", "Drafts", "Junk", "Sent", "Trash"];
    let subscribed = imap_done(host, ANNA, &["LSUB \"\" *", "LIST (SPECIAL-USE) \"\" *"]);
    for folder in made {
        assert!(
            subscribed
                .lines()
                .any(|line| line.starts_with("* LSUB") && line.ends_with(&format!(" {folder}"))),
            "{folder}: {subscribed}"
        );
        assert!(
            subscribed.lines().any(|line| {
                line.starts_with("* LIST")
                    && line.contains(&format!("\\{folder}"))
                    && line.ends_with(&format!(" {folder}"))
            }),
            "{folder}: {subscribed}"
        );
    }
    // Modified UTF-7, as IMAP writes names (RFC 3501).
    for (folder, purpose) in [
        ("\"Deleted Messages\"", "Trash"),
        ("\"Deleted Items\"", "Trash"),
        ("\"Gel&APY-schte Objekte\"", "Trash"),
        ("\"Gel&APY-schte Elemente\"", "Trash"),
        ("Papierkorb", "Trash"),
        ("Archiv", "Archive"),
        ("\"Sent Messages\"", "Sent"),
        ("\"Sent Items\"", "Sent"),
        ("Gesendet", "Sent"),
        ("\"Gesendete Elemente\"", "Sent"),
        ("\"Gesendete Objekte\"", "Sent"),
        ("Entw&APw-rfe", "Drafts"),
        ("\"Junk E-mail\"", "Junk"),
        ("Spam", "Junk"),
    ] {
        let create = format!("CREATE {folder}");
        let list = format!("LIST \"\" {folder} RETURN (SPECIAL-USE)");
        let delete = format!("DELETE {folder}");
        let said = imap_done(host, BERND, &[&create, &list, &delete]);
        assert!(said.contains(&format!("\\{purpose}")), "{folder}: {said}");
    }
}

/// 20 KiB are full; the trash may hold a tenth more, so that a full mailbox can be emptied.
pub fn quota(profile: &Profile) {
    let host = &profile.host;
    let save = |folder: &str, bytes: u32| {
        host.succeeds(&format!(
            "(printf 'Subject: filler\\n\\n'; head -c {bytes} /dev/zero | tr '\\0' x) | doveadm save -u voll@example.net -m {folder}"
        ))
    };
    host.sh("doveadm expunge -u voll@example.net mailbox '*' all; doveadm quota recalc -u voll@example.net");
    assert!(save("INBOX", 19_500));
    assert!(!save("INBOX", 1_500), "20 KiB are full");
    assert!(save("Trash", 1_500), "the trash has a tenth more");
    assert!(!save("Trash", 1_500), "which is full as well then");
    host.sh("doveadm expunge -u voll@example.net mailbox '*' all");
    let folders = host.sh("doveconf -n namespace/inbox");
    let with_more = folders.matches("quota_storage_percentage = 110").count();
    assert_eq!(with_more, 3, "Trash, Papierkorb and Sent: {folders}");
}

/// One root: a second one that counts the same says nothing about a domain.
pub fn quota_roots(profile: &Profile) {
    let said = imap_done(&profile.host, ANNA, &["GETQUOTAROOT INBOX"]);
    assert!(said.contains("* QUOTAROOT INBOX \"User quota\"\n"), "{said}");
    let limit = 1024 * 1024;
    assert!(said.contains(&format!(" {limit})")), "1G, in KiB: {said}");
}

pub fn namespace(profile: &Profile) {
    let said = imap_done(&profile.host, ANNA, &["NAMESPACE"]);
    assert!(
        said.contains(r#"* NAMESPACE (("" "/")) (("Geteilt/" "/")) NIL"#),
        "{said}"
    );
}

pub fn metadata(profile: &Profile) {
    let host = &profile.host;
    let said = imap_done(
        host,
        ANNA,
        &[
            "SETMETADATA INBOX (/private/comment \"noted-here\")",
            "GETMETADATA INBOX /private/comment",
        ],
    );
    assert!(said.contains("noted-here"), "{said}");
    host.sh("grep -q noted-here /var/vmail/example.org/anna/Maildir/dovecot-attributes");
}

pub fn audit(profile: &Profile) {
    let host = &profile.host;
    assert_eq!(doveconf(host, "", "mail_log_events"), "delete undelete expunge");
    host.sh("printf 'Subject: audited\\n\\nx\\n' | doveadm save -u anna@example.org -m INBOX");
    // The session's log comes with its answers.
    let said = imap_done(
        host,
        ANNA,
        &[
            "SELECT INBOX",
            "STORE * +FLAGS (\\Deleted)",
            "STORE * -FLAGS (\\Deleted)",
            "STORE * +FLAGS (\\Deleted)",
            "EXPUNGE",
        ],
    );
    for event in ["INBOX: delete:", "INBOX: undelete:", "INBOX: expunge:"] {
        assert!(said.contains(event), "{event}: {said}");
    }
}

/// Anna lets Bernd read a folder. He sees it, nobody else does, and what he has read is noted in his own home.
pub fn sharing(profile: &Profile) {
    let host = &profile.host;
    imap(host, ANNA, &["CREATE Gemeinsam"]);
    host.sh("printf 'Subject: shared-with-bernd\\n\\nx\\n' | doveadm save -u anna@example.org -m Gemeinsam");
    imap_done(host, ANNA, &["SETACL Gemeinsam bernd@example.org lrs"]);
    let folder = "Geteilt/anna@example.org/Gemeinsam";
    let said = imap_done(
        host,
        BERND,
        &[
            "LIST \"\" \"Geteilt/*\"",
            &format!("SELECT {folder}"),
            "FETCH 1 BODY[HEADER.FIELDS (SUBJECT)]",
        ],
    );
    assert!(
        said.contains(folder) && said.contains("shared-with-bernd"),
        "{said}"
    );
    let others = imap(
        host,
        "voll@example.net",
        &["LIST \"\" \"Geteilt/*\"", &format!("SELECT {folder}")],
    );
    assert!(!others.contains(" LIST ") && others.contains("b NO"), "{others}");
    host.sh("test -d /var/vmail/example.org/anna/shared/bernd@example.org");
    host.sh("grep -q bernd@example.org /var/vmail/shared-mailboxes.db");
}
