# Managed by mailprov: the inventory's dovecot_default_script.
{{ dovecot_default_script }}
