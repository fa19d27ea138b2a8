<?php
// Managed by mailprov.
$dbtype = '{{ {"mariadb": "mysqli", "postgresql": "pgsql", "sqlite": "sqlite"}[mail_database] }}';
$dbserver = '{{ "/run/postgresql" if mail_database == "postgresql" else "localhost" }}';
$dbport = '{{ "5432" if mail_database == "postgresql" else "" }}';
$dbname = '{{ (accounts_folder ~ "/accounts.sqlite" if mail_database == "sqlite" else accounts_database) | replace("\\", "\\\\") | replace("'", "\\'") }}';
$dbuser = '{{ postfixadmin_database_user | replace("\\", "\\\\") | replace("'", "\\'") }}';
$dbpass = '{{ postfixadmin_database_password | replace("\\", "\\\\") | replace("'", "\\'") }}';
