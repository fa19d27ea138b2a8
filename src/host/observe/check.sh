# mailprov_check FRAGMENT: runs it and prints `base64-of-its-output:status`. Most checks print nothing, so that they
# cost two forks; a fragment that prints more than is wanted doesn't die of it.
mailprov_check() {
  mailprov_out=$(
    (eval "$1") </dev/null 2>&1 8>&- 9>&-
    echo ":$?"
  )
  mailprov_status=${mailprov_out##*:}
  mailprov_out=${mailprov_out%:*}
  [ -z "$mailprov_out" ] || printf %s "$mailprov_out" | head -c 65536 | base64 -w0
  echo ":$mailprov_status"
}
