{% macro php(text) -%}
'{{ text | replace("\\", "\\\\") | replace("'", "\\'") }}'
{%- endmacro %}
{% set ca = roundcube_ca_file if roundcube_ca_file is not none else "/etc/ssl/mailprov/" ~ mail_hostname ~ "/fullchain.pem" %}
<?php
// Managed by mailprov.
$config = [];
{% if mail_database in ["mariadb", "postgresql"] %}
$account = rawurlencode({{ php(roundcube_database) }}) . ':' . rawurlencode({{ php(roundcube_database_password) }});
{% endif %}
{% if mail_database == "mariadb" %}
$config['db_dsnw'] = 'mysql://' . $account . '@unix(/run/mysqld/mysqld.sock)/' . {{ php(roundcube_database) }};
{% elif mail_database == "postgresql" %}
$config['db_dsnw'] = 'pgsql://' . $account . '@unix(/run/postgresql)/' . {{ php(roundcube_database) }};
{% else %}
$config['db_dsnw'] = 'sqlite:////var/lib/php/roundcube/database/roundcube.sqlite?mode=0600';
{% endif %}
// As many characters as the cipher takes, of whatever the key is.
$config['des_key'] = substr(base64_encode(hash('sha256', {{ php(roundcube_key) }}, true)), 0, 32);
$config['cipher_method'] = 'AES-256-CBC';

$verified = ['ssl' => [
    'verify_peer' => true,
    'verify_peer_name' => true,
    'cafile' => {{ php(ca) }},
    'capath' => '/etc/ssl/certs',
]];
$config['imap_host'] = {{ php("ssl://" ~ mail_hostname ~ ":993") }};
$config['imap_conn_options'] = $verified;
$config['smtp_host'] = {{ php("tls://" ~ mail_hostname ~ ":587") }};
$config['smtp_user'] = '%u';
$config['smtp_pass'] = '%p';
$config['smtp_conn_options'] = $verified;
$config['smtp_helo_host'] = {{ php(mail_hostname) }};
$config['managesieve_host'] = {{ php("tls://" ~ mail_hostname ~ ":4190") }};
$config['managesieve_conn_options'] = $verified;
$config['managesieve_vacation'] = 1;

$config['product_name'] = {{ php(roundcube_title) }};
{% if roundcube_language is not none %}
$config['language'] = {{ php(roundcube_language) }};
{% endif %}
$config['support_url'] = '';
$config['skin'] = 'elastic';
$config['enable_installer'] = false;
$config['enable_spellcheck'] = false;
$config['log_driver'] = 'syslog';
$config['syslog_id'] = 'roundcube';
$config['syslog_facility'] = LOG_MAIL;
$config['log_logins'] = true;
$config['temp_dir'] = '/var/lib/php/roundcube/tmp';
$config['session_lifetime'] = {{ roundcube_session_minutes }};
$config['session_samesite'] = 'Lax';
$config['use_https'] = true;
$config['login_autocomplete'] = 2;
$config['max_message_size'] = {{ php(mail_message_size | string) }};
$config['junk_mbox'] = {{ php(dovecot_junk_folder) }};
$config['lock_special_folders'] = true;
$config['recipients_separator'] = ',';

$config['plugins'] = [
{% for plugin in roundcube_plugins if plugin != "password" or mail_database in ["mariadb", "postgresql"] %}
    {{ php(plugin) }},
{% endfor %}
];
$config['password_driver'] = 'sql';
$config['password_confirm_current'] = true;
$config['password_minimum_length'] = {{ roundcube_password_length }};
{% if accounts_password_scheme == "BLF-CRYPT" %}
$config['password_algorithm'] = 'blowfish-crypt';
$config['password_blowfish_cost'] = {{ 12 if accounts_password_rounds is none else accounts_password_rounds }};
{% else %}
$config['password_algorithm'] = 'sha512-crypt';
{% endif %}
{% if mail_database == "postgresql" %}
$config['password_db_dsn'] = 'pgsql://' . $account . '@unix(/run/postgresql)/' . {{ php(accounts_database) }};
$config['password_query'] = 'SELECT passwords.set_password(%P, %u)';
{% else %}
$config['password_query'] = 'SELECT set_password(%P, %u)';
{% endif %}
$config['markasjunk_learning_driver'] = null;
$config['markasjunk_toolbar'] = true;
{% for setting, value in roundcube_settings | items %}
$config[{{ php(setting) }}] = json_decode({{ php(value | tojson) }}, true);
{% endfor %}
