# mailprov_sql_mariadb <STATEMENTS: what the client prints in base64, on one line; `-` when there is no client.
# --unbuffered keeps errors and rows in their order; --force goes on after an error.
mailprov_sql_mariadb() {
  if command -v mariadb >/dev/null 2>&1; then
    HOME=/root timeout -k 5 60 mariadb --batch --binary-mode --force --unbuffered --skip-column-names \
      --skip-reconnect --connect-timeout=10 --default-character-set=utf8mb4 2>&1 | base64 -w0
  else
    printf -
  fi
  echo
}
