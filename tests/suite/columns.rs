//! On a terminal of 80 columns nothing that the program lays out is wider; where there is no terminal, or one that only
//! writes lines, there are no escape sequences.

use std::path::Path;

use super::support::Run;
use super::support::provider::Provided;
use super::support::terminal::{code, spawn_for};

const COLUMNS: usize = 80;
const PATIENCE: u64 = 120;

/// What a command in `folder` shows on such a terminal, and how it ends.
fn shown(home: &Path, folder: &str, line: &str, environment: &[(&str, &str)]) -> (String, i32) {
    let line = format!("stty cols {COLUMNS} rows 24 && exec {line}");
    let mut typed = Run::typed(home, &home.join(folder), &line);
    typed.envs(environment.iter().copied());
    let mut screen = spawn_for(typed, PATIENCE);
    // The session reads bytes, and makes a letter of each.
    let bytes: Option<Vec<u8>> = screen
        .exp_eof()
        .unwrap()
        .chars()
        .map(|c| u8::try_from(c).ok())
        .collect();
    let text = String::from_utf8(bytes.unwrap()).unwrap();
    (text, code(screen))
}

/// What stands between the ends of lines and what moves the cursor, without its colours.
fn lines(text: &str) -> Vec<String> {
    let mut parts = text.split("\u{1b}[");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|c: char| c.is_ascii_alphabetic()).unwrap();
        if &part[end..=end] != "m" {
            plain.push('\n');
        }
        plain.push_str(&part[end + 1..]);
    }
    plain.split(['\r', '\n']).map(str::to_owned).collect()
}

/// Commands one after the other, and the lines that were too wide.
struct Terminal<'a> {
    home: &'a Path,
    wide: Vec<String>,
}

impl Terminal<'_> {
    #[track_caller]
    fn shows(&mut self, folder: &str, line: &str, wanted: i32) -> String {
        let (text, ended) = shown(self.home, folder, line, &[("TERM", "xterm")]);
        assert_eq!(ended, wanted, "{line}\n{text}");
        let lines = lines(&text).into_iter();
        let wide = lines.filter(|line| line.chars().count() > COLUMNS);
        self.wide.extend(wide.map(|wide| format!("{line}: {wide}")));
        text
    }
}

impl Terminal<'_> {
    /// `init` without options, to each of whose questions a person types nothing but Enter.
    fn asks(&mut self, line: &str) {
        let typed = Run::typed(
            self.home,
            self.home,
            &format!("stty cols {COLUMNS} rows 24 && exec {line}"),
        );
        let mut session = spawn_for(typed, PATIENCE);
        session.exp_string("such as mx1.example.org: ").unwrap();
        session.send_line("mx1.example.org").unwrap();
        let mut text = String::new();
        for _ in 0..3 + mailprov::init::choices().unwrap().len() {
            text += &session.exp_string("]: ").unwrap();
            text += "]: \n";
            session.send_line("").unwrap();
        }
        text += &session.exp_string("SSH key ~/.ssh/id_ed25519").unwrap();
        text += "SSH key ~/.ssh/id_ed25519";
        text += &session.exp_string("[no]: ").unwrap();
        text += "[no]: \n";
        session.send_line("").unwrap();
        text += &session.exp_eof().unwrap();
        assert_eq!(code(session), 0, "{text}");
        let wide = lines(&text).into_iter();
        let wide = wide.filter(|line| line.chars().count() > COLUMNS);
        self.wide.extend(wide.map(|wide| format!("{line}: {wide}")));
    }
}

/// A whole server's steps, on a host that has none of them yet.
pub fn are_kept(host: &Provided, home: &Path) {
    let mut screen = Terminal {
        home,
        wide: Vec::new(),
    };
    let init = format!(
        "mailprov init mail --hostname mx1.example.org --address {} --domain example.org",
        host.address()
    );
    screen.shows("", &init, 0);
    screen.asks("mailprov init asked");
    let check = "mailprov apply inventory.yaml --check";
    let steps = screen.shows("mail", check, 4);
    assert!(
        steps.contains("postfix/main") && steps.contains("to create"),
        "{steps}"
    );
    screen.shows("mail", &format!("{check} --verbose --timings"), 4);
    screen.shows("mail", "mailprov facts inventory.yaml", 0);
    screen.shows("mail", "mailprov bootstrap inventory.yaml", 0);
    screen.shows("mail", "mailprov validate inventory.yaml", 0);
    screen.shows("mail", "mailprov secrets check", 0);
    host.sh("rm /root/second");
    screen.shows("", "mailprov apply slow.yaml", 0);
    screen.shows("", "mailprov history slow.yaml", 0);
    assert_eq!(screen.wide, [""; 0], "wider than {COLUMNS} columns");

    let (dumb, _) = shown(home, "mail", check, &[("TERM", "dumb")]);
    assert!(
        dumb.contains("postfix/main") && !dumb.contains('\u{1b}'),
        "{dumb}"
    );
    assert!(
        lines(&dumb).iter().all(|line| line.chars().count() <= COLUMNS),
        "{dumb}"
    );
    let (grey, _) = shown(home, "mail", check, &[("TERM", "xterm"), ("NO_COLOR", "1")]);
    assert!(grey.contains("postfix/main") && !colours(&grey), "{grey}");
    let piped = "mailprov apply inventory.yaml --check 2>&1 | cat";
    let piped = Run::typed(home, &home.join("mail"), piped).output().unwrap();
    let piped = String::from_utf8(piped.stdout).unwrap();
    assert!(
        piped.contains("postfix/main") && !piped.contains('\u{1b}'),
        "{piped}"
    );
    let longest = piped.lines().map(|line| line.chars().count()).max();
    assert!(longest > Some(COLUMNS), "a file has room for everything: {piped}");
}

/// Whether it has colours: sequences that end in `m`.
pub fn colours(text: &str) -> bool {
    let mut codes = text.split("\u{1b}[").skip(1);
    codes.any(|code| {
        code.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';')
            .starts_with('m')
    })
}
