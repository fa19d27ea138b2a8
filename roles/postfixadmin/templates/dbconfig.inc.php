<?php
// Managed by mailprov.
$dbtype = 'mysqli';
$dbserver = 'localhost';
$dbport = '';
$dbname = '{{ accounts_database | replace("\\", "\\\\") | replace("'", "\\'") }}';
$dbuser = '{{ postfixadmin_database_user | replace("\\", "\\\\") | replace("'", "\\'") }}';
$dbpass = '{{ postfixadmin_database_password | replace("\\", "\\\\") | replace("'", "\\'") }}';
