# mailprov_check FRAGMENT: runs it and prints `base64-of-its-output:status`. Most checks print nothing, so that they
# cost three forks; a fragment that prints more than is wanted doesn't die of it. After five minutes it is ended with
# status 124, see timeout(1): a probe must not hang. It travels on a pipe, because arguments are for everybody to read.
mailprov_check() {
  mailprov_out=$(
    timeout -k 5 300 sh -c 'mailprov_code=; while IFS= read -r mailprov_line; do mailprov_code=$mailprov_code$mailprov_line"
"; done; exec </dev/null; eval "$mailprov_code"' <<END 2>&1 8>&- 9>&-
$1
END
    echo ":$?"
  )
  mailprov_status=${mailprov_out##*:}
  mailprov_out=${mailprov_out%:*}
  [ -z "$mailprov_out" ] || printf %s "$mailprov_out" | head -c 65536 | base64 -w0
  echo ":$mailprov_status"
}
