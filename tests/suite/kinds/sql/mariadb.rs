//! A real MariaDB.

use mailprov::step::Assessment;

use crate::support::TestHost;
use crate::support::direct::{Direct, step};

const USER: &str = "{engine: mariadb, name: \"o'mail`\", password: \"p'w\\\\ü\\\"\"}";

pub fn databases_users_grants_and_rows(host: &TestHost, direct: &mut Direct) {
    let database = step("sql_database", "{engine: mariadb, name: ma_il}");
    assert!(
        matches!(direct.assess(&*database), Assessment::Refused(_)),
        "no client"
    );
    direct.converge(&*step("package", "{names: [mariadb-server]}"));
    assert!(
        matches!(direct.assess(&*database), Assessment::Refused(words) if words.contains("does not answer")),
        "the server is down"
    );
    direct.converge(&*step("service", "{unit: mariadb.service, database: mariadb}"));
    // Whatever the server's mode, a value is a value.
    host.sh("mariadb -e \"SET GLOBAL sql_mode = CONCAT(@@sql_mode, ',NO_BACKSLASH_ESCAPES,ANSI_QUOTES')\"");

    assert!(matches!(direct.converge(&*database), Assessment::Create(_)));
    host.sh("mariadb -e 'ALTER DATABASE ma_il CHARACTER SET latin1'");
    assert!(matches!(direct.converge(&*database), Assessment::Change(_)));

    let user = step("sql_user", USER);
    assert!(matches!(direct.converge(&*user), Assessment::Create(_)));
    let login = "mariadb -u \"o'mail\\`\" --password='p'\\''w\\ü\"'";
    assert_eq!(host.sh(&format!("{login} -NBe 'SELECT 1'")), "1");
    let other = step("sql_user", &USER.replace("p'w", "another"));
    assert!(matches!(direct.converge(&*other), Assessment::Change(_)));
    assert_eq!(
        direct.assess(&*user),
        Assessment::Converged,
        "the password before works until nothing uses it any more"
    );

    let schema = "{engine: mariadb, database: ma_il, tables: [t, u], source: \"CREATE TABLE IF NOT EXISTS t (name \
        varchar(50) CHARACTER SET latin1 PRIMARY KEY, n int, d datetime, b tinyint(1), txt text, password \
        varchar(200)); CREATE TABLE IF NOT EXISTS u (id int);\"}";
    assert!(matches!(
        direct.converge(&*step("sql_schema", schema)),
        Assessment::Create(_)
    ));
    host.sh("mariadb ma_il -e 'DROP TABLE u'");
    assert!(matches!(
        direct.converge(&*step("sql_schema", schema)),
        Assessment::Change(_)
    ));

    let grant = step(
        "sql_grant",
        "{engine: mariadb, user: \"o'mail`\", database: ma_il, privileges: [select, INSERT]}",
    );
    assert!(matches!(direct.converge(&*grant), Assessment::Create(_)));
    assert_eq!(
        host.sh(&format!("{login} -NBe 'SELECT COUNT(*) FROM ma_il.t'")),
        "0"
    );
    host.sh("mariadb -e \"GRANT DROP, UPDATE ON ma_il.* TO \\`o'mail\\`\\`\\`@localhost WITH GRANT OPTION\"");
    assert!(matches!(direct.converge(&*grant), Assessment::Change(_)));
    let all = step(
        "sql_grant",
        "{engine: mariadb, user: \"o'mail`\", database: ma_il, privileges: [ALL]}",
    );
    direct.converge(&*all);
    let on_table = step(
        "sql_grant",
        "{engine: mariadb, user: \"o'mail`\", database: ma_il, table: t, privileges: [ALL]}",
    );
    direct.converge(&*on_table);
    direct.converge(&*step(
        "sql_grant",
        "{engine: mariadb, user: \"o'mail`\", database: ma_il, table: t, state: absent}",
    ));

    let row = "{engine: mariadb, database: ma_il, table: t, key: {name: \"a'\\\\b@ü\"}, set: {n: 5, d: \"2026-01-01\", \
        b: true, txt: \"Line\\n\\ttwo \\\\ '\\\"`\"}, initial: {}, password: {column: password, secret: hunter2, \
        scheme: \"{SHA512-CRYPT}\"}}";
    let promised = step("sql_row", row);
    assert!(matches!(direct.converge(&*promised), Assessment::Create(_)));
    let stored = host.sh("mariadb ma_il -NBe 'SELECT password FROM t'");
    assert!(stored.starts_with("{SHA512-CRYPT}$6$"), "{stored}");
    // Somebody else's row stays, and a text that differs only in its letters' case differs.
    host.sh("mariadb ma_il -e \"INSERT INTO t (name, n) VALUES ('other', 1); UPDATE t SET txt = UPPER(txt), d = NULL, b = 0 WHERE n = 5\"");
    let Assessment::Change(diff) = direct.converge(&*promised) else {
        panic!("a change")
    };
    assert_eq!(diff.0.len(), 3, "{diff:?}");
    assert_eq!(
        host.sh("mariadb ma_il -NBe 'SELECT password FROM t WHERE n = 5'"),
        stored,
        "the salt stays"
    );
    host.sh("mariadb ma_il -e \"UPDATE t SET password = 'x' WHERE n = 5\"");
    direct.converge(&*promised);
    let bcrypt = step(
        "sql_row",
        &row.replace("hunter2", "another").replace("SHA512", "BLF"),
    );
    direct.converge(&*bcrypt);
    let empty = step(
        "sql_row",
        "{engine: mariadb, database: ma_il, table: t, key: {name: other}, set: {n: null, txt: \"\"}}",
    );
    direct.converge(&*empty);
    let ours = row.replace("}}", "}, state: absent}");
    assert!(matches!(
        direct.converge(&*step("sql_row", &ours)),
        Assessment::Remove(_)
    ));
    assert_eq!(host.sh("mariadb ma_il -NBe 'SELECT name FROM t'"), "other");

    let nowhere = step(
        "sql_row",
        "{engine: mariadb, database: ma_il, table: none, key: {a: 1}}",
    );
    assert!(matches!(direct.assess(&*nowhere), Assessment::Refused(words) if words.contains("none")));

    direct.converge(&*step(
        "sql_user",
        "{engine: mariadb, name: \"o'mail`\", state: absent}",
    ));
    let drop = step("sql_database", "{engine: mariadb, name: ma_il, state: absent}");
    assert!(matches!(direct.assess(&*drop), Assessment::Refused(words) if words.contains("2 tables")));
    host.sh("mariadb ma_il -e 'DROP TABLE t, u'");
    assert!(matches!(direct.converge(&*drop), Assessment::Remove(_)));
}
