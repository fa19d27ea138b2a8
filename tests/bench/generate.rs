//! The work in each contender's own words.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::work::{DATABASE, TABLE, Work};

/// A role for mailprov in `site/roles/NAME`.
pub fn role(site: &Path, work: &Work) {
    let user = work.user;
    let mut text = format!(
        "summary: What the bench measures.\nsteps:\n  - id: packages\n    package: {{names: [{}]}}\n  - id: group\n    \
         group: {{name: {user}, system: true}}\n  - id: user\n    user: {{name: {user}, group: {user}, system: true, \
         home: /srv, shell: /usr/sbin/nologin}}\n",
        work.packages.join(", ")
    );
    for (i, path) in work.folders.iter().enumerate() {
        let _ = writeln!(
            text,
            "  - id: folder-{i}\n    directory: {{path: {path}, mode: \"0750\", owner: {user}, group: {user}}}"
        );
    }
    let folder = site.join("roles").join(work.name);
    fs::create_dir_all(folder.join("files")).unwrap();
    for (i, (path, content)) in work.files.iter().enumerate() {
        let _ = writeln!(
            text,
            "  - id: file-{i}\n    file: {{path: {path}, source: file-{i}, mode: \"0640\", owner: {user}, group: {user}}}"
        );
        fs::write(folder.join("files").join(format!("file-{i}")), content).unwrap();
    }
    for (i, unit) in work.services.iter().enumerate() {
        let _ = writeln!(text, "  - id: service-{i}\n    service: {{unit: {unit}}}");
    }
    for (i, (key, value)) in work.rows.iter().enumerate() {
        let _ = writeln!(
            text,
            "  - id: row-{i}\n    sql_row: {{engine: mariadb, database: {DATABASE}, table: {TABLE}, key: {{name: {key}}}, \
             set: {{value: \"{value}\"}}}}"
        );
    }
    fs::write(folder.join("role.yaml"), text).unwrap();
}

/// What a person would write to look at the same state, cheaply.
pub fn probe(work: &Work) -> String {
    let paths: Vec<&str> = work.files.iter().map(|(path, _)| path.as_str()).collect();
    let keys: Vec<String> = work.rows.iter().map(|(key, _)| format!("'{key}'")).collect();
    format!(
        "dpkg-query -W -f '${{Package}} ${{Version}} ${{db:Status-Status}}\\n' {}\ngetent group {user}\ngetent passwd \
         {user}\nstat -c '%n %F %a %U %G' {} {files}\nsha256sum {files}\nsystemctl show -p Id,ActiveState,UnitFileState \
         {}\nmariadb -BN {DATABASE} -e \"select name, value from {TABLE} where name in ({})\"\n",
        work.packages.join(" "),
        work.folders.join(" "),
        work.services.join(" "),
        keys.join(","),
        user = work.user,
        files = paths.join(" "),
    )
}

/// What a person would write to put all files in place.
pub fn rewrite(work: &Work) -> String {
    let mut text = String::from("set -e\n");
    for (path, content) in &work.files {
        let _ = write!(
            text,
            "install -m 0640 -o {user} -g {user} /dev/stdin {path} <<'END'\n{content}END\n",
            user = work.user
        );
    }
    text
}

/// A playbook, in `site/NAME.yml`.
pub fn playbook(site: &Path, work: &Work) {
    let user = work.user;
    let mut text = format!(
        "- hosts: all\n  tasks:\n    - apt: {{name: [{}], state: present}}\n    - group: {{name: {user}, system: true}}\n    \
         - user: {{name: {user}, group: {user}, system: true, home: /srv, create_home: false, shell: \
         /usr/sbin/nologin}}\n",
        work.packages.join(", ")
    );
    for path in &work.folders {
        let _ = writeln!(
            text,
            "    - file: {{path: {path}, state: directory, mode: \"0750\", owner: {user}, group: {user}}}"
        );
    }
    for (i, (path, _)) in work.files.iter().enumerate() {
        let _ = writeln!(
            text,
            "    - copy: {{src: roles/{}/files/file-{i}, dest: {path}, mode: \"0640\", owner: {user}, group: {user}}}",
            work.name
        );
    }
    for unit in work.services {
        let _ = writeln!(
            text,
            "    - systemd_service: {{name: {unit}, state: started, enabled: true}}"
        );
    }
    for (key, _) in &work.rows {
        let query = query(key);
        let _ = writeln!(
            text,
            "    - command: {{argv: [mariadb, -BN, {DATABASE}, -e, \"{query}\"]}}\n      changed_when: false"
        );
    }
    fs::write(site.join(format!("{}.yml", work.name)), text).unwrap();
}

/// A pyinfra deploy, in `site/NAME.py`.
pub fn deploy(site: &Path, work: &Work) {
    let user = work.user;
    let mut text = format!(
        "from pyinfra import host\nfrom pyinfra.facts.server import Command\nfrom pyinfra.operations import apt, files, \
         server, systemd\n\napt.packages(packages={:?})\nserver.group(group=\"{user}\", system=True)\n\
         server.user(user=\"{user}\", group=\"{user}\", system=True, home=\"/srv\", shell=\"/usr/sbin/nologin\", \
         ensure_home=False)\n",
        work.packages
    );
    for path in &work.folders {
        let _ = writeln!(
            text,
            "files.directory(path=\"{path}\", user=\"{user}\", group=\"{user}\", mode=\"750\")"
        );
    }
    for (i, (path, _)) in work.files.iter().enumerate() {
        let _ = writeln!(
            text,
            "files.put(src=\"roles/{}/files/file-{i}\", dest=\"{path}\", user=\"{user}\", group=\"{user}\", mode=\"640\")",
            work.name
        );
    }
    for unit in work.services {
        let _ = writeln!(
            text,
            "systemd.service(service=\"{unit}\", running=True, enabled=True)"
        );
    }
    for (key, _) in &work.rows {
        let query = query(key);
        let _ = writeln!(
            text,
            "host.get_fact(Command, \"\"\"mariadb -BN {DATABASE} -e \"{query}\" \"\"\")"
        );
    }
    fs::write(site.join(format!("{}.py", work.name)), text).unwrap();
}

fn query(key: &str) -> String {
    format!("select name, value from {TABLE} where name = '{key}'")
}
