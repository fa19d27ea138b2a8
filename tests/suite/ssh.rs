//! SSH as people have it, compared case by case with OpenSSH's own client. Where the verdicts differ, ours is the
//! stricter one, and the case says why.

mod config;
mod hosts;

use std::process::Command;

/// OpenSSH's client, installed when it isn't there.
pub fn ssh() -> Command {
    super::support::machine::ensure(&["ssh"], &["openssh-client"]);
    Command::new("ssh")
}

/// One case's verdicts.
pub struct Row {
    pub case: String,
    pub openssh: String,
    pub ours: String,
    /// Why ours is stricter; empty where both must say the same.
    pub stricter: &'static str,
    pub agrees: bool,
}

/// Prints the table, and fails when a row is neither equal nor stricter as announced.
pub fn judge(rows: &[Row]) {
    let mut wrong = 0;
    for row in rows {
        let mark = match (row.agrees, row.stricter) {
            // Another version of OpenSSH may have become as strict.
            (true, _) => "same",
            (false, why) if !why.is_empty() => why,
            _ => {
                wrong += 1;
                "NOT AS EXPECTED"
            }
        };
        println!("{:44} | {} | {} | {mark}", row.case, row.openssh, row.ours);
    }
    assert!(rows.len() >= 30);
    assert_eq!(wrong, 0, "rows that are not as expected");
}
