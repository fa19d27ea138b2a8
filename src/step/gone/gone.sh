# Notes of what mailprov made and of what was there before, and taking it back: see gone.rs. Needs replace.sh.

# mailprov_made users|groups|packages NAME
mailprov_made() {
  [ -d "$mailprov_state/made/$1/" ] || (umask 077 && mkdir -p -- "$mailprov_state/made/$1") || return 1
  : >>"$mailprov_state/made/$1/$2"
}

# mailprov_made_path PATH: what is put there next stands where nothing was, or something of ours. mailprov_wrote adds what
# it is, line by line: whatever else is found there is a person's, so that a note without its file does no harm.
mailprov_made_path() {
  mailprov_made "paths${1%/*}" "${1##*/}.noted"
}

# mailprov_before PATH: notes, once and before anything is written there, whose it was: what is a person's is kept.
mailprov_before() {
  mailprov_was=$mailprov_state/before/files$1
  ! mailprov_left "$mailprov_was" && [ ! -e "$mailprov_state/made/paths$1.noted" ] || return 0
  if ! mailprov_left "$1" || mailprov_is_ours "$1"; then
    mailprov_made_path "$1"
    return
  fi
  [ -d "${mailprov_was%/*}/" ] || (umask 077 && mkdir -p -- "${mailprov_was%/*}") || return 1
  ! mailprov_left "$mailprov_was.part" || rm -rf -- "$mailprov_was.part"
  cp -a -- "$1" "$mailprov_was.part" && mv -T -- "$mailprov_was.part" "$mailprov_was"
}

# mailprov_is_ours PATH: gone/file.rs asks the same of a content.
mailprov_is_ours() {
  [ -f "$1" ] && [ ! -L "$1" ] || return 1
  case ${1##*/} in *mailprov*) return 0 ;; esac
  head -c 4096 -- "$1" | head -n 8 | grep -qaF -e 'anaged by mailprov' -e 'ritten by mailprov'
}

# mailprov_take_back PATH: a copy is kept; what was there before mailprov wrote it comes back, or nothing.
mailprov_take_back() {
  mailprov_keep "$1" || return 1
  mailprov_was=$mailprov_state/before/files$1
  if mailprov_left "$mailprov_was" && [ -d "${1%/*}/" ]; then
    mailprov_set_restore "$1" "$mailprov_was" && rm -f -- "$mailprov_was"
  else
    rm -f -- "$1" "$mailprov_was"
  fi && mailprov_wrote "$1"
}

# mailprov_notice UNIT ...: those that run on without us run with what is there now. A unit's own file may be what went.
mailprov_notice() {
  for mailprov_unit; do
    ! systemctl -q is-active -- "$mailprov_unit" || systemctl reload-or-restart -- "$mailprov_unit" || return 1
  done
}
