# Managed by mailprov. Mail that somebody moved to the Junk folder.
{% if mail_filter == "none" and dovecot_learn is none %}
# There is no filter to teach.
{% else %}
require ["vnd.dovecot.pipe", "copy", "imapsieve", "environment", "variables"];
if environment :matches "imap.user" "*" {
  set "username" "${1}";
}
pipe :copy "learn-spam" ["${username}"];
{% endif %}
