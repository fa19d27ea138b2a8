# mailprov_remove PATH: keeps a copy under backups and removes PATH, a file or a link.
mailprov_remove() {
  [ -e "$1" ] || [ -L "$1" ] || return 0
  mailprov_copy=${mailprov_state:-/var/lib/mailprov}/backups/removed-$(date -u +%Y%m%dT%H%M%SZ)$1
  (umask 077 && mkdir -p -- "${mailprov_copy%/*}") && cp -a -- "$1" "$mailprov_copy" && rm -f -- "$1"
}

# mailprov_directory PATH MODE OWNER GROUP: parents that no step made get the usual mode.
mailprov_directory() {
  if [ ! -d "$1" ]; then
    (umask 022 && mkdir -p -- "${1%/*}/") && mkdir -m 0700 -- "$1" || return 1
  fi
  chown -- "$3:$4" "$1" && chmod -- "$2" "$1"
}

# mailprov_symlink PATH TARGET: in one rename, so that PATH never leads nowhere.
mailprov_symlink() {
  mailprov_new=$(mktemp -u -- "${1%/*}/.mailprov-XXXXXXXXXX") && ln -s -- "$2" "$mailprov_new" || return 1
  mv -fT -- "$mailprov_new" "$1" || { rm -f -- "$mailprov_new"; return 1; }
}
