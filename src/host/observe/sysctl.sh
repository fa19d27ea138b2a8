# mailprov_sysctls FILE ...: `FILE NUL LINE` records of all files that exist, one line of base64. grep reads each
# file in one go, which /proc needs: the shell's own read gets one byte only.
mailprov_sysctls() {
  grep -sHZ '' -- "$@" | base64 -w0
  echo
}
