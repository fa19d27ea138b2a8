# mailprov_users NAME ...: passwd lines, then all of the group database; mailprov_groups NAME ...: group lines.
# Each prints one line of base64. getent looks in every database that the host uses, not only in /etc.
mailprov_users() {
  getent passwd "$@" 2>/dev/null | base64 -w0
  echo
  getent group 2>/dev/null | base64 -w0
  echo
}

mailprov_groups() {
  getent group "$@" 2>/dev/null | base64 -w0
  echo
}
