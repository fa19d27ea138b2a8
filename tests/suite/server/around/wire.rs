//! SMTP word by word, as a client speaks it that means no good.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use crate::support::TestHost;

/// What the server says to each of `lines`, the greeting first; it ends where the server hangs up. A line that begins
/// with NUL is said without waiting for an answer to what was said before, even the greeting.
pub fn dialogue(host: &TestHost, port: u16, lines: &[&str]) -> Vec<String> {
    let mut stream = TcpStream::connect((host.address(), port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(120))).unwrap();
    let mut replies = BufReader::new(stream.try_clone().unwrap());
    let mut said = Vec::new();
    let mut awaited = 1;
    for line in lines {
        let hasty = line.strip_prefix('\u{0}');
        if hasty.is_none() {
            while awaited > 0 {
                match reply(&mut replies) {
                    Some(words) => said.push(words),
                    None => return said,
                }
                awaited -= 1;
            }
        }
        let text = hasty.unwrap_or(line);
        if stream.write_all(format!("{text}\r\n").as_bytes()).is_err() {
            break;
        }
        awaited += 1;
    }
    for _ in 0..awaited {
        said.extend(reply(&mut replies));
    }
    said
}

/// A reply of any number of lines.
fn reply(replies: &mut BufReader<TcpStream>) -> Option<String> {
    let mut words = String::new();
    loop {
        let mut line = String::new();
        match replies.read_line(&mut line) {
            Ok(0) | Err(_) => return None,
            Ok(_) => words.push_str(&line),
        }
        if line.as_bytes().get(3) != Some(&b'-') {
            return Some(words);
        }
    }
}
