# mailprov_remove PATH: keeps a copy under backups and removes PATH, a file or a link.
mailprov_remove() {
  [ -e "$1" ] || [ -L "$1" ] || return 0
  # Outside of a run there is only a place.
  case $mailprov_run in /* | '') mailprov_run=$(date -u +%Y%m%dT%H%M%SZ)-removed ;; esac
  (umask 077 && mailprov_keep "$1") && rm -f -- "$1" && mailprov_wrote "$1" -
}

# mailprov_directory PATH MODE OWNER GROUP: parents that no step made get the usual mode.
mailprov_directory() {
  if [ ! -d "$1" ]; then
    mailprov_made_path "$1" && (umask 022 && mkdir -p -- "${1%/*}/") && mkdir -m 0700 -- "$1" || return 1
  fi
  # Only with a fifth digit chmod takes a folder's setgid away.
  chown -- "$3:$4" "$1" && chmod -- "0$2" "$1"
}

# mailprov_symlink PATH TARGET: in one rename, so that PATH never leads nowhere.
mailprov_symlink() {
  case $mailprov_run in /* | '') mailprov_run=$(date -u +%Y%m%dT%H%M%SZ)-links ;; esac
  (umask 077 && mailprov_keep "$1" && mailprov_before "$1") || return 1
  mailprov_clear "${1%/*}"
  mailprov_new=$(mktemp -d -- "${1%/*}/.mailprov-set.XXXXXXXXXX") || return 1
  ln -s -- "$2" "$mailprov_new/new" && mailprov_wrote "$1" ">$2" && mv -fT -- "$mailprov_new/new" "$1" &&
    rmdir -- "$mailprov_new" || { rm -rf -- "$mailprov_new"; return 1; }
}
