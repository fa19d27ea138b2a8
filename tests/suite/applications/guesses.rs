//! Who guesses passwords on the web pages is shut out of everything.

use crate::server::around::bans;
use crate::support::TestHost;

/// Below the variables that lead to the authority.
pub const VARIABLES: &str = "  fail2ban_attempts: 3
  fail2ban_within: 1h
";

/// A form's page, and the form filled in wrongly.
const ROUNDCUBE: &str = r#"page() { curl -ks -b /tmp/jar -c /tmp/jar --resolve mx1.example.org:443:SERVER "$@"; }
token=$(page https://mx1.example.org/webmail/ | sed -n 's/.*name="_token" value="\([^"]*\)".*/\1/p' | head -n 1)
page -d _token=$token -d _task=login -d _action=login -d _user=bob@example.org -d _pass=wrong \
  'https://mx1.example.org/webmail/?_task=login'"#;
const POSTFIXADMIN: &str = r#"page() { curl -ks -b /tmp/jar -c /tmp/jar --resolve mx1.example.org:443:SERVER "$@"; }
token=$(page https://mx1.example.org/postfixadmin/login.php | sed -n 's/.*name="token" value="\([^"]*\)".*/\1/p' | head -n 1)
page -d token=$token -d lang=en -d submit=Login -d fUsername=alice@example.org -d fPassword=wrong \
  https://mx1.example.org/postfixadmin/login.php"#;

pub fn are_ended(host: &TestHost) {
    bans::open_elsewhere(host);
    let guesses = [
        ("mailprov-roundcube", "192.0.2.1", ROUNDCUBE),
        ("mailprov-postfixadmin", "192.0.2.1", POSTFIXADMIN),
    ];
    bans::who_guesses_is_shut_out(host, &guesses);
}
