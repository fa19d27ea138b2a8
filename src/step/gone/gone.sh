# Notes of what mailprov made and of what was there before, and taking it back: see gone.rs. Needs replace.sh.

# mailprov_made users|groups|packages NAME
mailprov_made() {
  [ -d "$mailprov_state/made/$1" ] || (umask 077 && mkdir -p -- "$mailprov_state/made/$1") || return 1
  : >"$mailprov_state/made/$1/$2"
}

# mailprov_before PATH: keeps what is there, once, unless it says itself that mailprov wrote it.
mailprov_before() {
  mailprov_was=$mailprov_state/before/files$1
  ! mailprov_left "$mailprov_was" || return 0
  ! mailprov_is_ours "$1" || return 0
  [ -d "${mailprov_was%/*}/" ] || (umask 077 && mkdir -p -- "${mailprov_was%/*}") || return 1
  ! mailprov_left "$mailprov_was.part" || rm -rf -- "$mailprov_was.part"
  cp -a -- "$1" "$mailprov_was.part" && mv -T -- "$mailprov_was.part" "$mailprov_was"
}

# mailprov_before_link PATH: a link that stands where nothing was is ours, and so is every later target of it.
mailprov_before_link() {
  [ ! -e "$mailprov_state/made/links$1" ] || return 0
  ! mailprov_left "$1" || { mailprov_before "$1"; return; }
  mkdir -p -- "$mailprov_state/made/links${1%/*}" && : >"$mailprov_state/made/links$1"
}

# mailprov_is_ours PATH: gone/file.rs asks the same of a content. No process: it is asked of every file.
mailprov_is_ours() {
  [ -f "$1" ] && [ ! -L "$1" ] || return 1
  case ${1##*/} in *mailprov*) return 0 ;; esac
  mailprov_i_lines=0
  while [ "$mailprov_i_lines" -lt 8 ] && IFS= read -r mailprov_line; do
    case $mailprov_line in
      *[Mm]'anaged by mailprov'* | *'ritten by mailprov'*) return 0 ;;
    esac
    mailprov_i_lines=$((mailprov_i_lines + 1))
  done 2>/dev/null <"$1"
  return 1
}

# mailprov_take_back PATH: a copy is kept; what was there before mailprov wrote it comes back, or nothing.
mailprov_take_back() {
  mailprov_keep "$1" || return 1
  mailprov_was=$mailprov_state/before/files$1
  if mailprov_left "$mailprov_was" && [ -d "${1%/*}/" ]; then
    mailprov_set_restore "$1" "$mailprov_was" && rm -f -- "$mailprov_was"
  else
    rm -f -- "$1" "$mailprov_was" "$mailprov_state/made/links$1"
  fi && mailprov_wrote "$1"
}

# mailprov_notice UNIT ...: those that run on without us run with what is there now. A unit's own file may be what went.
mailprov_notice() {
  for mailprov_unit; do
    ! systemctl -q is-active -- "$mailprov_unit" || systemctl reload-or-restart -- "$mailprov_unit" || return 1
  done
}
