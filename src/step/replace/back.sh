# What is put back: see replace.rs. Needs the functions and variables of replace.sh.

# Not all renames could be made: the files whose was made get back what they had, as far as a copy is kept. A file that
# nobody watches may be without one; it has its promised content, and nothing depends on its neighbours.
mailprov_set_half() {
  mailprov_i=0 mailprov_again=
  while [ "$mailprov_i" -lt "$mailprov_count" ]; do
    mailprov_i=$((mailprov_i + 1))
    eval "mailprov_path=\$mailprov_path_$mailprov_i mailprov_copy=\$mailprov_copy_$mailprov_i"
    if eval "mailprov_left \"\$mailprov_temp_$mailprov_i\""; then
      mailprov_wrote "$mailprov_path"
    elif [ -z "$mailprov_copy" ]; then
      :
    elif mailprov_set_restore "$mailprov_path" "$mailprov_copy"; then
      mailprov_again=yes
    else
      echo "$mailprov_path could not be put back: what was there is in $mailprov_state/backups" >&2
    fi
  done
  [ -z "$mailprov_again" ] || echo "the files that belong together with it are as they were before" >&2
  exit 1
}

# mailprov_set_compiles PATH: what is there is kept and noted like the set's files, right before a compiler writes it. The
# set is in place by then, so the note comes after that of the source, and what is put back is no older than its source.
mailprov_set_compiles() {
  [ -n "$mailprov_units" ] || return 0
  mailprov_keep "$1" || exit 1
  for mailprov_unit in $mailprov_units; do
    mailprov_note "$mailprov_state/services/$mailprov_unit.previous" "$1" "$mailprov_copy" compiled
  done
}

# mailprov_note FILE PATH COPY [compiled]: unless FILE knows an older copy of PATH, which the service last ran with.
mailprov_note() {
  if [ -e "$1" ]; then
    while IFS=$mailprov_tab read -r mailprov_known mailprov_rest; do
      [ "$mailprov_known" != "$2" ] || return 0
    done <"$1"
  fi
  printf '%s\t%s%s\n' "$2" "$3" "${4:+$mailprov_tab$4}" >>"$1" || exit 1
}

# mailprov_set_restore PATH COPY
mailprov_set_restore() {
  mailprov_restore "$1" "$2" && mailprov_wrote "$1"
}

mailprov_restore() {
  if [ "$2" = - ]; then
    rm -f -- "$1"
    return
  fi
  mailprov_old=$(mktemp -d -- "${1%/*}/.mailprov-set.XXXXXXXXXX") || return 1
  # Newer than anything that was compiled from the refused one.
  cp -a -- "$2" "$mailprov_old/old" && { [ -L "$mailprov_old/old" ] || touch -c -- "$mailprov_old/old"; } &&
    mv -fT -- "$mailprov_old/old" "$1" && rmdir -- "$mailprov_old" ||
    { rm -rf -- "$mailprov_old"; return 1; }
}

# mailprov_put_back UNIT: the files that UNIT last ran with, and what was compiled of them, as they were noted. Fails
# without a note.
mailprov_put_back() {
  [ -s "$mailprov_state/services/$1.previous" ] || return 1
  # A timer's program knows only a place.
  case $mailprov_run in /* | '') mailprov_run=$(date -u +%Y%m%dT%H%M%SZ)-undone ;; esac
  while IFS=$mailprov_tab read -r mailprov_path mailprov_copy mailprov_sort; do
    # A compiler's work is no file that a run wrote, and a rollback compiles anew.
    case $mailprov_sort in
    compiled) mailprov_restore "$mailprov_path" "$mailprov_copy" ;;
    *) mailprov_set_restore "$mailprov_path" "$mailprov_copy" ;;
    esac || return 1
  done <"$mailprov_state/services/$1.previous"
  rm -f -- "$mailprov_state/services/$1.previous"
}
