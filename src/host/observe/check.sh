# mailprov_check FRAGMENT: runs it and prints `base64-of-its-output:status`. It may close or fill its output:
# what is over 64 KiB is read and thrown away, so that it doesn't die of it.
mailprov_check() {
  {
    mailprov_status=$(
      {
        {
          (eval "$1") </dev/null 2>&1 7>&- 8>&- 9>&-
          echo "$?" >&8
        } | {
          head -c 65536
          cat >/dev/null
        } | base64 -w0 >&7
      } 8>&1
    )
    echo ":$mailprov_status"
  } 7>&1
}
