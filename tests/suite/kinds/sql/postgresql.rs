//! A real PostgreSQL.

use mailprov::step::Assessment;

use crate::support::TestHost;
use crate::support::direct::{Direct, step};

const USER: &str = "{engine: postgresql, name: \"o'mail\\\"\", password: \"p'w\\\\ü\\\"\"}";

pub fn databases_users_grants_and_rows(host: &TestHost, direct: &mut Direct) {
    let database = step("sql_database", "{engine: postgresql, name: \"Ma\\\"il\"}");
    assert!(
        matches!(direct.assess(&*database), Assessment::Refused(_)),
        "no client"
    );
    direct.converge(&*step("package", "{names: [postgresql]}"));
    assert!(
        matches!(direct.assess(&*database), Assessment::Refused(words) if words.contains("does not answer")),
        "the server is down"
    );
    direct.converge(&*step(
        "service",
        "{unit: postgresql@17-main.service, database: postgresql}",
    ));
    // Whatever the server's mode, a value is a value.
    host.sh("runuser -u postgres -- psql -c 'ALTER SYSTEM SET standard_conforming_strings = off' -c 'SELECT pg_reload_conf()'");

    assert!(matches!(direct.converge(&*database), Assessment::Create(_)));
    let latin = step(
        "sql_database",
        "{engine: postgresql, name: \"Ma\\\"il\", charset: LATIN1}",
    );
    assert!(matches!(direct.assess(&*latin), Assessment::Refused(words) if words.contains("character set")));

    let user = step("sql_user", USER);
    assert!(matches!(direct.converge(&*user), Assessment::Create(_)));
    let login = "PGPASSWORD='p'\\''w\\ü\"' psql -h 127.0.0.1 -U \"o'mail\\\"\" -d 'Ma\"il' -Atc";
    assert_eq!(host.sh(&format!("{login} 'SELECT 1'")), "1");
    let other = step("sql_user", &USER.replace("p'w", "another"));
    assert!(matches!(direct.converge(&*other), Assessment::Change(_)));
    direct.converge(&*user);
    let owned = step(
        "sql_database",
        "{engine: postgresql, name: \"Ma\\\"il\", owner: \"o'mail\\\"\"}",
    );
    assert!(matches!(direct.converge(&*owned), Assessment::Change(_)));
    direct.converge(&*step(
        "sql_database",
        "{engine: postgresql, name: \"Ma\\\"il\", owner: postgres}",
    ));

    let schema = "{engine: postgresql, database: \"Ma\\\"il\", tables: [t, u], source: \"CREATE TABLE IF NOT EXISTS t (name \
        varchar(50) PRIMARY KEY, n int, d timestamp, b boolean, txt text, password varchar(200)); CREATE TABLE IF NOT \
        EXISTS u (id int);\"}";
    assert!(matches!(
        direct.converge(&*step("sql_schema", schema)),
        Assessment::Create(_)
    ));
    let psql = |statement: &str| {
        host.sh(&format!(
            "runuser -u postgres -- psql -d 'Ma\"il' -v ON_ERROR_STOP=1 -Atc {}",
            mailprov::host::script::quote(statement)
        ))
    };
    psql("DROP TABLE u");
    assert!(matches!(
        direct.converge(&*step("sql_schema", schema)),
        Assessment::Change(_)
    ));

    let grant = |rest: &str| {
        step(
            "sql_grant",
            &format!("{{engine: postgresql, user: \"o'mail\\\"\", database: \"Ma\\\"il\", {rest}}}"),
        )
    };
    let on_table = grant("table: t, privileges: [select, INSERT]");
    assert!(!host.succeeds(&format!("{login} 'SELECT COUNT(*) FROM t'")));
    assert!(matches!(direct.converge(&*on_table), Assessment::Create(_)));
    assert_eq!(host.sh(&format!("{login} 'SELECT COUNT(*) FROM t'")), "0");
    psql("GRANT DELETE, UPDATE ON t TO \"o'mail\"\"\" WITH GRANT OPTION");
    assert!(matches!(direct.converge(&*on_table), Assessment::Change(_)));
    direct.converge(&*grant("table: t, privileges: [ALL]"));
    direct.converge(&*grant("privileges: [ALL]"));
    direct.converge(&*grant("state: absent"));
    direct.converge(&*grant("table: t, state: absent"));

    let row = "{engine: postgresql, database: \"Ma\\\"il\", table: t, key: {name: \"a'\\\\b@ü\"}, set: {n: 5, d: \"2026-01-01\", \
        b: true, txt: \"Line\\n\\ttwo \\\\ '\\\"`$$:x\"}, initial: {}, password: {column: password, secret: hunter2, \
        scheme: \"{SHA512-CRYPT}\"}}";
    let promised = step("sql_row", row);
    assert!(matches!(direct.converge(&*promised), Assessment::Create(_)));
    let stored = psql("SELECT password FROM t");
    assert!(stored.starts_with("{SHA512-CRYPT}$6$"), "{stored}");
    assert_eq!(psql("SELECT txt FROM t"), "Line\n\ttwo \\ '\"`$$:x");
    // Somebody else's row stays, and a text that differs only in its letters' case differs.
    psql(
        "INSERT INTO t (name, n) VALUES ('other', 1); UPDATE t SET txt = UPPER(txt), d = NULL, b = false WHERE n = 5",
    );
    let Assessment::Change(diff) = direct.converge(&*promised) else {
        panic!("a change")
    };
    assert_eq!(diff.0.len(), 3, "{diff:?}");
    assert_eq!(
        psql("SELECT password FROM t WHERE n = 5"),
        stored,
        "the salt stays"
    );
    psql("UPDATE t SET password = 'x' WHERE n = 5");
    direct.converge(&*promised);
    let empty = step(
        "sql_row",
        "{engine: postgresql, database: \"Ma\\\"il\", table: t, key: {name: other}, set: {n: null, txt: \"\"}}",
    );
    direct.converge(&*empty);
    let ours = row.replace("}}", "}, state: absent}");
    assert!(matches!(
        direct.converge(&*step("sql_row", &ours)),
        Assessment::Remove(_)
    ));
    assert_eq!(psql("SELECT name FROM t"), "other");

    let nowhere = step(
        "sql_row",
        "{engine: postgresql, database: \"Ma\\\"il\", table: none, key: {a: 1}}",
    );
    assert!(matches!(direct.assess(&*nowhere), Assessment::Refused(words) if words.contains("none")));
    let elsewhere = step(
        "sql_row",
        "{engine: postgresql, database: elsewhere, table: none, key: {a: 1}}",
    );
    assert!(matches!(direct.assess(&*elsewhere), Assessment::Refused(words) if words.contains("elsewhere")));

    // What it owns, and what it may do, is no reason to stay.
    psql("ALTER TABLE t OWNER TO \"o'mail\"\"\"; GRANT CONNECT ON DATABASE \"Ma\"\"il\" TO \"o'mail\"\"\"");
    direct.converge(&*step(
        "sql_user",
        "{engine: postgresql, name: \"o'mail\\\"\", state: absent}",
    ));
    assert_eq!(
        psql("SELECT tableowner FROM pg_tables WHERE tablename = 't'"),
        "postgres"
    );
    let drop = step(
        "sql_database",
        "{engine: postgresql, name: \"Ma\\\"il\", state: absent}",
    );
    assert!(matches!(direct.assess(&*drop), Assessment::Refused(words) if words.contains("2 tables")));
    psql("DROP TABLE t, u");
    assert!(matches!(direct.converge(&*drop), Assessment::Remove(_)));
}
