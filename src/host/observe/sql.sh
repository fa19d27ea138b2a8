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

# mailprov_sql_postgresql [DATABASE] <STATEMENTS: the same, as the server's own administrator. Messages in English.
mailprov_sql_postgresql() {
  if command -v psql >/dev/null 2>&1; then
    (
      cd / && PGDATABASE=${1:-postgres} PGCONNECT_TIMEOUT=10 PGCLIENTENCODING=UTF8 PGOPTIONS='-c lc_messages=C' \
        LC_ALL=C timeout -k 5 60 runuser -u postgres -- psql --no-psqlrc --no-password --quiet --no-align \
        --tuples-only --field-separator="$(printf '\t')" --pset=null=NULL 2>&1
    ) | base64 -w0
  else
    printf -
  fi
  echo
}

# mailprov_sql_sqlite FILE <STATEMENTS: the same, of a file; `!` when there is no such file.
# Lines as they come keep errors and rows in their order.
mailprov_sql_sqlite() {
  if ! command -v sqlite3 >/dev/null 2>&1; then
    printf -
  elif [ ! -e "$1" ]; then
    printf '!'
  else
    timeout -k 5 60 stdbuf -oL sqlite3 -batch -readonly -init /dev/null -noheader -list \
      -separator "$(printf '\t')" -nullvalue NULL "$1" 2>&1 | base64 -w0
  fi
  echo
}
