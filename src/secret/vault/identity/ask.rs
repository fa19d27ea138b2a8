//! What age and its plugins ask the operator, on the terminal.

use std::collections::BTreeMap;
use std::io::{BufRead as _, Write as _};
use std::sync::{Arc, Mutex};

use age::secrecy::SecretString;

use crate::ask;

/// Asks each question once, however many secrets need its answer.
#[derive(Clone, Default)]
pub struct Ask {
    answers: Arc<Mutex<BTreeMap<String, SecretString>>>,
}

/// A line from the terminal, whatever standard input is.
fn line(question: &str) -> Option<String> {
    let mut terminal = std::fs::File::options()
        .read(true)
        .write(true)
        .open("/dev/tty")
        .ok()?;
    write!(terminal, "{question}").ok()?;
    let mut answer = String::new();
    std::io::BufReader::new(terminal).read_line(&mut answer).ok()?;
    Some(answer.trim().to_owned())
}

impl age::Callbacks for Ask {
    fn display_message(&self, message: &str) {
        // "Touch your key", for one; nothing is lost when nobody sees it.
        let _ = writeln!(std::io::stderr(), "{message}");
    }

    fn confirm(&self, message: &str, yes: &str, no: Option<&str>) -> Option<bool> {
        let Some(no) = no else {
            line(&format!("{message} [{yes}] "))?;
            return Some(true);
        };
        loop {
            let answer = line(&format!("{message} [{yes}/{no}] "))?;
            if answer.eq_ignore_ascii_case(yes) {
                return Some(true);
            } else if answer.eq_ignore_ascii_case(no) || answer.is_empty() {
                return Some(false);
            }
        }
    }

    fn request_public_string(&self, description: &str) -> Option<String> {
        line(&format!("{description}: "))
    }

    fn request_passphrase(&self, description: &str) -> Option<SecretString> {
        let mut answers = self.answers.lock().ok()?;
        if let Some(answer) = answers.get(description) {
            return Some(answer.clone());
        }
        // age puts names between marks for the direction of writing; many terminals show them as boxes.
        let question = description.replace(['\u{2068}', '\u{2069}'], "");
        let typed = ask::hidden(&format!("{question}: ")).ok()?;
        let answer = SecretString::from(typed.as_str());
        answers.insert(description.to_owned(), answer.clone());
        Some(answer)
    }
}
