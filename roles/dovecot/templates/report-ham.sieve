# Managed by mailprov. Mail that somebody moved out of the Junk folder, but not to delete it.
{% if mail_filter == "none" and dovecot_learn is none %}
# There is no filter to teach.
{% else %}
require ["vnd.dovecot.pipe", "copy", "imapsieve", "environment", "variables"];
if environment :matches "imap.mailbox" "*" {
  set "mailbox" "${1}";
}
if string :is "${mailbox}" [{% for folder in dovecot_folders | selectattr("use", "eq", "Trash") %}{{ "" if loop.first else ", " }}"{{ folder.name }}"{% endfor %}] {
  stop;
}
if environment :matches "imap.user" "*" {
  set "username" "${1}";
}
pipe :copy "learn-ham" ["${username}"];
{% endif %}
