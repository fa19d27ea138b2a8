# Managed by mailprov. What the spam filter marked goes to the Junk folder: Amavis writes the first, rspamd the second.
require ["fileinto", "mailbox"];
if anyof (header :contains "X-Spam-Flag" "YES", header :is "X-Spam" "Yes") {
  fileinto :create "{{ dovecot_junk_folder }}";
}
