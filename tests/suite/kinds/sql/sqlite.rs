//! Files of SQLite's.

use mailprov::step::Assessment;

use crate::support::TestHost;
use crate::support::direct::{Direct, step};

pub fn files_and_rows(host: &TestHost, direct: &mut Direct) {
    let database = step(
        "sql_database",
        "{engine: sqlite, name: \"/srv/ma'il.sqlite\", group: mail}",
    );
    let schema = "{engine: sqlite, database: \"/srv/ma'il.sqlite\", tables: [t, u], source: \"CREATE TABLE IF NOT EXISTS t \
        (name varchar(50) PRIMARY KEY COLLATE NOCASE, n int, d datetime, b tinyint(1), txt text, password varchar(200)); \
        CREATE TABLE IF NOT EXISTS u (id int);\"}";
    assert!(
        matches!(
            direct.assess(&*step("sql_schema", schema)),
            Assessment::Refused(_)
        ),
        "no client"
    );
    direct.converge(&*step("package", "{names: [sqlite3]}"));
    assert!(
        matches!(direct.assess(&*step("sql_schema", schema)), Assessment::Refused(words) if words.contains("no database")),
        "no file"
    );
    assert!(matches!(direct.converge(&*database), Assessment::Create(_)));
    host.sh("chmod 0644 \"/srv/ma'il.sqlite\"");
    assert!(matches!(direct.converge(&*database), Assessment::Change(_)));
    assert_eq!(
        host.sh("stat -c '%a %U %G' \"/srv/ma'il.sqlite\""),
        "640 root mail"
    );
    assert!(matches!(
        direct.converge(&*step("sql_schema", schema)),
        Assessment::Create(_)
    ));
    let sql = |statement: &str| {
        host.sh(&format!(
            "sqlite3 \"/srv/ma'il.sqlite\" {}",
            mailprov::host::script::quote(statement)
        ))
    };
    sql("DROP TABLE u");
    assert!(matches!(
        direct.converge(&*step("sql_schema", schema)),
        Assessment::Change(_)
    ));

    let row = "{engine: sqlite, database: \"/srv/ma'il.sqlite\", table: t, key: {name: \"a'\\\\b@ü\"}, set: {n: 5, \
        d: \"2026-01-01\", b: true, txt: \"Line\\n\\ttwo \\\\ '\\\"`\"}, password: {column: password, secret: hunter2, \
        scheme: \"{SHA512-CRYPT}\"}}";
    let promised = step("sql_row", row);
    assert!(matches!(direct.converge(&*promised), Assessment::Create(_)));
    assert_eq!(sql("SELECT txt FROM t"), "Line\n\ttwo \\ '\"`");
    let stored = sql("SELECT password FROM t");
    // A number that another program wrote as a text is the same number.
    sql(
        "INSERT INTO t (name, n) VALUES ('other', 1); UPDATE t SET n = '5', txt = UPPER(txt), d = NULL, b = '0' WHERE n = 5",
    );
    let Assessment::Change(diff) = direct.converge(&*promised) else {
        panic!("a change")
    };
    assert_eq!(diff.0.len(), 3, "{diff:?}");
    assert_eq!(
        sql("SELECT password FROM t WHERE n = 5"),
        stored,
        "the salt stays"
    );
    direct.converge(&*step(
        "sql_row",
        "{engine: sqlite, database: \"/srv/ma'il.sqlite\", table: t, key: {name: other}, set: {n: null, txt: \"\"}}",
    ));
    assert!(matches!(
        direct.converge(&*step("sql_row", &row.replace("}}", "}, state: absent}"))),
        Assessment::Remove(_)
    ));
    assert_eq!(sql("SELECT name FROM t"), "other");
    let nowhere = step(
        "sql_row",
        "{engine: sqlite, database: \"/srv/ma'il.sqlite\", table: none, key: {a: 1}}",
    );
    assert!(matches!(direct.assess(&*nowhere), Assessment::Refused(words) if words.contains("none")));

    let drop = step(
        "sql_database",
        "{engine: sqlite, name: \"/srv/ma'il.sqlite\", state: absent}",
    );
    assert!(matches!(direct.assess(&*drop), Assessment::Refused(words) if words.contains("2 tables")));
    sql("DROP TABLE t; DROP TABLE u");
    assert!(matches!(direct.converge(&*drop), Assessment::Remove(_)));
}
