# mailprov_paths NAME UNLESS MATCH ...: see paths.rs. MATCH is NAME with newlines as \001.
# First line: find's records, ended by NUL, in base64. Then `INDEX SHA256 [CONTENT]` per regular file.
mailprov_paths() {
  mailprov_path_names "$@" | find -files0-from - -maxdepth 0 -printf '%y\0%m\0%u\0%g\0%s\0%l\0%p\0' 2>/dev/null |
    base64 -w0
  echo
  mailprov_path_names "$@" |
    find -files0-from - -maxdepth 0 -type f -size -8388609c -exec sha256sum -z -- {} + 2>/dev/null |
    tr '\n\0' '\1\n' | {
    mailprov_i=0
    while IFS= read -r mailprov_line; do
      # find keeps the order of the names; one that is no regular file is passed over.
      while [ $# -ge 3 ]; do
        mailprov_name=$1 mailprov_unless=$2 mailprov_match=$3
        shift 3
        mailprov_i=$((mailprov_i + 1))
        [ "${mailprov_line#*  }" = "$mailprov_match" ] && break
      done
      mailprov_sha=${mailprov_line%% *}
      printf '%s %s' "$mailprov_i" "$mailprov_sha"
      if [ "$mailprov_unless" != - ] && [ "$mailprov_unless" != "$mailprov_sha" ]; then
        mailprov_most=1048577
        [ "$mailprov_unless" != + ] || mailprov_most=8388609
        printf ' '
        head -c "$mailprov_most" -- "$mailprov_name" 2>/dev/null | base64 -w0
      fi
      echo
    done
  }
}

mailprov_path_names() {
  while [ $# -ge 3 ]; do
    printf '%s\0' "$1"
    shift 3
  done
}
