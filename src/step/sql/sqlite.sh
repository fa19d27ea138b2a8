# mailprov_sqlite FILE <STATEMENTS: on a database that is there.
mailprov_sqlite() {
  if [ ! -e "$1" ]; then
    echo "no such database: $1" >&2
    return 1
  fi
  sqlite3 -batch -bail -init /dev/null -cmd '.timeout 20000' "$1"
}

# mailprov_sqlite_file MODE OWNER GROUP FILE: an empty file is an empty database. It is never there with another mode.
mailprov_sqlite_file() {
  if [ -e "$4" ]; then
    chown -- "$2:$3" "$4" && chmod -- "$1" "$4"
  else
    install -m "$1" -o "$2" -g "$3" /dev/null "$4.mailprov" && mv -- "$4.mailprov" "$4"
  fi
}
