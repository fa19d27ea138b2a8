# Managed by mailprov. Mail that somebody moved to the Junk folder.
require ["vnd.dovecot.pipe", "copy", "imapsieve", "environment", "variables"];
if environment :matches "imap.user" "*" {
  set "username" "${1}";
}
pipe :copy "learn-spam" ["${username}"];
