# mailprov_postgresql [DATABASE] <STATEMENTS: as the server's administrator, over its socket.
mailprov_postgresql() {
  (
    cd / && PGDATABASE=${1:-postgres} PGCONNECT_TIMEOUT=10 PGCLIENTENCODING=UTF8 runuser -u postgres -- \
      psql --no-psqlrc --no-password --quiet --no-align --tuples-only --set=ON_ERROR_STOP=1 --set=VERBOSITY=terse
  )
}

# mailprov_postgresql_everywhere <STATEMENTS: the same in each database.
mailprov_postgresql_everywhere() {
  mailprov_statements=$(cat)
  mailprov_databases=$(echo 'SELECT datname FROM pg_database WHERE datallowconn' | mailprov_postgresql) || return 1
  printf '%s\n' "$mailprov_databases" | while IFS= read -r mailprov_database; do
    printf '%s\n' "$mailprov_statements" | mailprov_postgresql "$mailprov_database" || exit 1
  done
}
