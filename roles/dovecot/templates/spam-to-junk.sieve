# Managed by mailprov. What the spam filter marked goes to the Junk folder.
require ["fileinto", "mailbox"];
if header :contains "X-Spam-Flag" "YES" {
  fileinto :create "{{ dovecot_junk_folder }}";
}
