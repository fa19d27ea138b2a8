# mailprov_mariadb [DATABASE] <STATEMENTS: as the server's administrator, over its socket.
mailprov_mariadb() {
  HOME=/root mariadb --batch --binary-mode --skip-reconnect --connect-timeout=10 \
    --default-character-set=utf8mb4 ${1:+"--database=$1"}
}
