# mailprov_postgresql [DATABASE] <STATEMENTS: as the server's administrator, over its socket.
mailprov_postgresql() {
  (
    cd / && PGDATABASE=${1:-postgres} PGCONNECT_TIMEOUT=10 PGCLIENTENCODING=UTF8 runuser -u postgres -- \
      psql --no-psqlrc --no-password --quiet --no-align --tuples-only --set=ON_ERROR_STOP=1 --set=VERBOSITY=terse
  )
}
