# mailprov_units UNIT ...: one line with systemd's words for all of them in base64, then per unit the digests of
# what it was last restarted and reloaded with, `-` for none.
mailprov_units() {
  systemctl show -p Names,LoadState,ActiveState,SubState,UnitFileState,NeedDaemonReload,Result -- "$@" \
    2>/dev/null | base64 -w0
  echo
  for mailprov_unit; do
    mailprov_digest "$mailprov_unit.restart"
    mailprov_restart=$mailprov_digest
    mailprov_digest "$mailprov_unit.reload"
    echo "$mailprov_restart $mailprov_digest"
  done
}

mailprov_digest() {
  mailprov_digest=
  { IFS= read -r mailprov_digest <"${mailprov_state:-/var/lib/mailprov}/services/$1"; } 2>/dev/null
  case $mailprov_digest in
    '' | *[!0-9a-f]*) mailprov_digest=- ;;
  esac
}
