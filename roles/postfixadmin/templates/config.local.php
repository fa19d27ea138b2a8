{% macro php(text) -%}
'{{ text | replace("\\", "\\\\") | replace("'", "\\'") }}'
{%- endmacro %}
<?php
// Managed by mailprov.
$CONF['configured'] = true;
// Nobody can set it up over the web: this is no hash of anything.
$CONF['setup_password'] = '';
$CONF['default_language'] = {{ php(postfixadmin_language) }};
{% if mail_database == "mariadb" %}
$CONF['database_socket'] = '/run/mysqld/mysqld.sock';
{% endif %}
$CONF['admin_email'] = {{ php(mail_admin) }};
$CONF['smtp_server'] = 'localhost';
$CONF['smtp_client'] = {{ php(mail_hostname) }};
// The hashes that Dovecot verifies, made by PHP itself: nothing of Dovecot's is read.
{% if accounts_password_scheme == "BLF-CRYPT" %}
$CONF['encrypt'] = 'php_crypt:BLOWFISH:{{ 12 if accounts_password_rounds is none else accounts_password_rounds }}:{BLF-CRYPT}';
{% else %}
$CONF['encrypt'] = 'php_crypt:SHA512{{ "" if accounts_password_rounds is none else ":" ~ accounts_password_rounds }}';
{% endif %}
$CONF['password_validation'] = array(
{% for rule, message in postfixadmin_password_rules | items %}
    {{ php(rule) }} => {{ php(message) }},
{% endfor %}
);
$CONF['default_aliases'] = array(
{% for name in ["abuse", "hostmaster", "postmaster", "webmaster"] %}
    '{{ name }}' => {{ php(mail_admin) }},
{% endfor %}
);
$CONF['domain_path'] = 'YES';
$CONF['domain_in_mailbox'] = 'NO';
$CONF['aliases'] = '0';
$CONF['mailboxes'] = '0';
$CONF['maxquota'] = '0';
$CONF['quota'] = 'YES';
$CONF['quota_multiplier'] = '1048576';
$CONF['domain_quota'] = '{{ "YES" if mail_domain_quotas else "NO" }}';
$CONF['domain_quota_default'] = '0';
$CONF['transport'] = 'NO';
$CONF['vacation'] = 'NO';
$CONF['fetchmail'] = 'NO';
$CONF['password_expiration'] = 'NO';
$CONF['forgotten_user_password_reset'] = false;
$CONF['forgotten_admin_password_reset'] = false;
$CONF['xmlrpc_enabled'] = false;
$CONF['emailcheck_resolve_domain'] = '{{ "YES" if postfixadmin_check_domains else "NO" }}';
$CONF['recipient_delimiter'] = {{ php(mail_recipient_delimiter) }};
$CONF['theme_custom_css'] = {{ php(("" if postfixadmin_path == "/" else postfixadmin_path) ~ "/static/mailprov.css") }};
$CONF['show_header_text'] = 'NO';
{% if postfixadmin_footer is none %}
$CONF['show_footer_text'] = 'NO';
{% else %}
$CONF['show_footer_text'] = 'YES';
$CONF['footer_text'] = {{ php(postfixadmin_footer) }};
$CONF['footer_link'] = {{ php(postfixadmin_footer_link) }};
{% endif %}
$CONF['welcome_text'] = "Welcome to your new mailbox.\n";
{% for hook in postfixadmin_hooks %}
$CONF['{{ hook }}_script'] = {{ php("sudo -n -u " ~ vmail_user ~ " /usr/local/lib/mailprov-postfixadmin/" ~ hook) }};
{% endfor %}
{% for setting, value in postfixadmin_settings | items %}
$CONF[{{ php(setting) }}] = {{ php(value) }};
{% endfor %}
