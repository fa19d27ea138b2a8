CREATE TABLE IF NOT EXISTS {{ accounts_users_table.table }} (
  {{ accounts_users_table.name }} varchar(255) NOT NULL,
  {{ accounts_users_table.domain }} varchar(255) NOT NULL,
  {{ accounts_users_table.password }} varchar(255) NOT NULL,
  PRIMARY KEY ({{ accounts_users_table.name }}, {{ accounts_users_table.domain }})
);
