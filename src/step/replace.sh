# Putting files in place: see replace.rs. Everything runs in the subshell of one fragment, so that `exit` and the
# trap end with it. Numbered variables (mailprov_path_1, mailprov_temp_1, ...) hold the set.
: "${mailprov_state:=/var/lib/mailprov}"
# Where sets lie while they are checked: this and a random end.
: "${mailprov_checks:=/run/mailprov-check}"
mailprov_tab=$(printf '\t')

# mailprov_set_begin RUN FOLDER ...: FOLDERs are those of the set. Each gets a folder of ours, in which its files wait
# under their own names. We hold the host's lock, so that whatever is left of an earlier run belongs to nobody.
mailprov_set_begin() {
  umask 077
  # `-`: the run's own folder of backups, which the fragment was given.
  [ "$1" = - ] || mailprov_run=$1
  case $mailprov_run in /* | '') mailprov_run=$(date -u +%Y%m%dT%H%M%SZ)-others ;; esac
  mailprov_count=0 mailprov_folders=0 mailprov_base=
  shift
  trap mailprov_set_sweep EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  for mailprov_where; do
    [ -d "$mailprov_where/" ] ||
      mailprov_set_fail "$mailprov_where does not exist: a directory step or a package has to make it first"
    mailprov_clear "$mailprov_where"
  done
  ! mailprov_left "$mailprov_checks".?????????? || rm -rf -- "$mailprov_checks".??????????
  ! mailprov_left "$mailprov_state"/backups/*.part || rm -rf -- "$mailprov_state"/backups/*.part
  [ $# -gt 0 ] || return 0
  mailprov_tag=$(mktemp -d -- "$1/.mailprov-set.XXXXXXXXXX") || exit 1
  mailprov_tag=${mailprov_tag##*/}
  for mailprov_where; do
    mailprov_folders=$((mailprov_folders + 1))
    eval "mailprov_in_$mailprov_folders=\$mailprov_where"
    set -- "$@" "$mailprov_where/$mailprov_tag"
    shift
  done
  shift
  [ $# -eq 0 ] || mkdir -- "$@" || exit 1
}

# mailprov_left PATH ...: whether a pattern has matched. Most often it has not, and no process is needed for it.
mailprov_left() {
  [ -e "$1" ] || [ -L "$1" ]
}

# mailprov_clear FOLDER: removes what a killed run left there. Only what is a private folder of root's and has a name of
# ours is ours; in a folder with the setgid bit ours has it too.
mailprov_clear() {
  for mailprov_old in "${1%/}"/.mailprov-set.??????????; do
    [ -d "$mailprov_old" ] && [ ! -L "$mailprov_old" ] && [ -O "$mailprov_old" ] || continue
    case $(stat -c %a -- "$mailprov_old") in 700 | 2700) rm -rf -- "$mailprov_old" ;; esac
  done
}

mailprov_set_sweep() {
  set --
  while [ "$mailprov_folders" -gt 0 ]; do
    eval "mailprov_where=\$mailprov_in_$mailprov_folders/$mailprov_tag"
    ! mailprov_left "$mailprov_where" || set -- "$@" "$mailprov_where"
    mailprov_folders=$((mailprov_folders - 1))
  done
  [ -z "$mailprov_base" ] || set -- "$@" "$mailprov_base"
  [ $# -eq 0 ] || rm -rf -- "$@"
}

mailprov_set_fail() {
  printf '%s\n' "$1" >&2
  exit 1
}

# mailprov_set_stage PATH BACKUP SHA256: where the next file waits, called $mailprov_staged.
mailprov_set_stage() {
  if [ -d "$1" ] && [ ! -L "$1" ]; then
    mailprov_set_fail "$1 is a directory: a file can't take its place"
  fi
  mailprov_staged=${1%/*}/$mailprov_tag/${1##*/}
  mailprov_count=$((mailprov_count + 1))
  eval "mailprov_path_$mailprov_count=\$1 mailprov_backup_$mailprov_count=\$2 mailprov_sum_$mailprov_count=\$3"
  eval "mailprov_temp_$mailprov_count=\$mailprov_staged"
}

# mailprov_set_pick NUMBER ...: $mailprov_files, for eval: where these files wait. One process for many files.
mailprov_set_pick() {
  mailprov_files=
  for mailprov_i; do
    mailprov_files="$mailprov_files \"\$mailprov_temp_$mailprov_i\""
  done
}

# mailprov_set_among path|temp FOLDER: $mailprov_files, for eval: those of the set that belong into FOLDER; of those
# that are there, which have to be copied.
mailprov_set_among() {
  mailprov_i=0 mailprov_files=
  while [ "$mailprov_i" -lt "$mailprov_count" ]; do
    mailprov_i=$((mailprov_i + 1))
    eval "mailprov_path=\$mailprov_path_$mailprov_i mailprov_new=\$mailprov_new_$mailprov_i"
    if [ "${mailprov_path%/*}" = "${2%/}" ] && [ "$1$mailprov_new" != path ]; then
      mailprov_files="$mailprov_files \"\$mailprov_$1_$mailprov_i\""
    fi
  done
}

# mailprov_set_owned MODE OWNER GROUP NUMBER ...
mailprov_set_owned() {
  mailprov_mode=$1 mailprov_owner=$2:$3
  shift 3
  mailprov_set_pick "$@"
  eval "chown -- \"\$mailprov_owner\" $mailprov_files && chmod -- \"\$mailprov_mode\" $mailprov_files" || exit 1
}

# mailprov_set_whole SHA256 NUMBER ...: what was written, one file after the other, is what was sent, and is on the disk.
mailprov_set_whole() {
  mailprov_sum=$1
  shift
  mailprov_set_pick "$@"
  [ "$mailprov_sum  -" = "$(eval "cat -- $mailprov_files" | sha256sum)" ] ||
    mailprov_set_fail "the new files were not written whole beside the old ones: is the disk full?"
  eval "sync -- $mailprov_files" || exit 1
}

# mailprov_set_refused STATUS: the checker's words in $mailprov_words, with real paths for staged ones; nothing stays.
mailprov_set_refused() {
  mailprov_i=0
  while [ "$mailprov_i" -lt "$mailprov_count" ]; do
    mailprov_i=$((mailprov_i + 1))
    eval "mailprov_from=\$mailprov_temp_$mailprov_i mailprov_to=\$mailprov_path_$mailprov_i"
    mailprov_rest=$mailprov_words mailprov_words=
    while :; do
      case $mailprov_rest in
      *"$mailprov_from"*)
        mailprov_words=$mailprov_words${mailprov_rest%%"$mailprov_from"*}$mailprov_to
        mailprov_rest=${mailprov_rest#*"$mailprov_from"}
        ;;
      *) break ;;
      esac
    done
    mailprov_words=$mailprov_words$mailprov_rest
  done
  printf '%s\n' "$mailprov_words" >&2
  # timeout(1)
  [ "$1" != 124 ] || echo "the check had not ended after five minutes" >&2
  exit 65
}

# mailprov_set_validate NUMBER COMMAND: a checker of one file.
mailprov_set_validate() {
  eval "mailprov_staged=\$mailprov_temp_$1"
  mailprov_words=$(staged=$mailprov_staged && export staged && timeout -k 10 300 sh -c "$2" </dev/null 2>&1) ||
    mailprov_set_refused $?
}

# mailprov_set_check COMMAND [FOLDER NUMBER NAME]...: runs COMMAND where it sees the set in place. NAME, a path below
# FOLDER, is the file with that NUMBER.
mailprov_set_check() {
  mailprov_command=$1
  shift
  # Nobody else gets in: a folder's own mode says nothing of those above it. A checker that runs as somebody else comes
  # to what is below by the mounts.
  mailprov_base=$(mktemp -d "$mailprov_checks.XXXXXXXXXX" 2>/dev/null || mktemp -d) || exit 1
  mailprov_new=0 mailprov_last=
  while [ $# -ge 3 ]; do
    if [ "$1" != "$mailprov_last" ]; then
      mailprov_new=$((mailprov_new + 1)) mailprov_last=$1
      mkdir "$mailprov_base/new-$mailprov_new" "$mailprov_base/real-$mailprov_new"
      mailprov_set_like "$1" "$mailprov_base/new-$mailprov_new"
      printf '%s\n' "$1" >>"$mailprov_base/folders"
    fi
    mailprov_at=$mailprov_base/new-$mailprov_new mailprov_real=$1 mailprov_rest=$3
    while :; do
      case $mailprov_rest in
      */*)
        mailprov_at=$mailprov_at/${mailprov_rest%%/*} mailprov_real=$mailprov_real/${mailprov_rest%%/*}
        mailprov_rest=${mailprov_rest#*/}
        [ -d "$mailprov_at" ] || { mkdir "$mailprov_at" && mailprov_set_like "$mailprov_real" "$mailprov_at"; } || exit 1
        ;;
      *) break ;;
      esac
    done
    eval "cp -p -- \"\$mailprov_temp_$2\" \"\$mailprov_at/\$mailprov_rest\"" || exit 1
    eval "printf '%s\n%s\n' \"\$mailprov_temp_$2\" \"\$mailprov_path_$2\"" >>"$mailprov_base/files"
    shift 3
  done
  for mailprov_way in overlay bind; do
    mailprov_words=$(unshare -m --propagation private timeout -k 10 300 sh -c "$mailprov_in_private" sh \
      "$mailprov_base" "$mailprov_way" "$mailprov_command" </dev/null 2>&1)
    mailprov_status=$?
    # The file says that the checker was reached: its status is its own.
    if [ -e "$mailprov_base/reached" ]; then
      [ "$mailprov_status" = 0 ] || mailprov_set_refused "$mailprov_status"
      return 0
    fi
  done
  echo "mailprov: no private mounts on this host: the files are put in place, checked, and put back if refused" >&2
  mailprov_check_after=$mailprov_command
}

mailprov_set_like() {
  chmod --reference="$1" -- "$2" && chown --reference="$1" -- "$2"
}

mailprov_in_private='
base=$1 way=$2 command=$3
if [ "$way" = overlay ]; then
  i=0
  while IFS= read -r folder; do
    i=$((i + 1))
    mount --bind -- "$folder" "$base/real-$i" &&
      mount -t overlay -o "ro,lowerdir=$base/new-$i:$base/real-$i" mailprov "$folder" || exit 1
  done <"$base/folders"
else
  while IFS= read -r staged && IFS= read -r path; do
    [ -f "$path" ] && mount --bind -- "$staged" "$path" || exit 1
  done <"$base/files"
fi
: >"$base/reached"
exec sh -c "$command"
'

# mailprov_forget UNIT restart|reload: from here on a restart or reload of UNIT is owed, even if we are killed.
mailprov_forget() {
  (umask 077 && mkdir -p -- "$mailprov_state/services") && rm -f -- "$mailprov_state/services/$1.$2" || exit 1
}

# mailprov_set_swap UNIT ...: keeps what is there, notes it for the UNITs, and puts the set in place.
mailprov_set_swap() {
  mailprov_units=$*
  mailprov_i=0
  while [ "$mailprov_i" -lt "$mailprov_count" ]; do
    mailprov_i=$((mailprov_i + 1))
    eval "mailprov_path=\$mailprov_path_$mailprov_i mailprov_keep=\$mailprov_backup_$mailprov_i"
    mailprov_copy='' mailprov_new=
    if [ $# -gt 0 ] || [ -n "$mailprov_check_after" ] || [ "$mailprov_keep" = yes ]; then
      mailprov_kept "$mailprov_path" || mailprov_new=yes
    fi
    mailprov_before "$mailprov_path" || exit 1
    eval "mailprov_copy_$mailprov_i=\$mailprov_copy mailprov_new_$mailprov_i=\$mailprov_new"
  done
  mailprov_k=0
  while [ "$mailprov_k" -lt "$mailprov_folders" ]; do
    mailprov_k=$((mailprov_k + 1))
    eval "mailprov_where=\$mailprov_in_$mailprov_k"
    mailprov_set_among path "$mailprov_where"
    [ -z "$mailprov_files" ] || eval "mailprov_copies $mailprov_files"
  done
  mailprov_copied
  for mailprov_unit; do
    mailprov_i=0
    while [ "$mailprov_i" -lt "$mailprov_count" ]; do
      mailprov_i=$((mailprov_i + 1))
      eval "mailprov_note \"\$mailprov_state/services/\$mailprov_unit.previous\" \
        \"\$mailprov_path_$mailprov_i\" \"\$mailprov_copy_$mailprov_i\""
    done
  done
  mailprov_i=0
  while [ "$mailprov_i" -lt "$mailprov_count" ]; do
    mailprov_i=$((mailprov_i + 1))
    eval "mailprov_wrote \"\$mailprov_path_$mailprov_i\" \"\$mailprov_sum_$mailprov_i\"" || exit 1
  done
  while [ "$mailprov_folders" -gt 0 ]; do
    eval "mailprov_where=\$mailprov_in_$mailprov_folders"
    mailprov_set_among temp "$mailprov_where"
    # A rename for each, by one process.
    eval "mv -f -t \"\$mailprov_where/\" -- $mailprov_files" && rmdir -- "$mailprov_where/$mailprov_tag" ||
      mailprov_set_half
    mailprov_folders=$((mailprov_folders - 1))
  done
  [ -n "$mailprov_check_after" ] || return 0
  mailprov_words=$(timeout -k 10 300 sh -c "$mailprov_check_after" </dev/null 2>&1) && return 0
  mailprov_status=$?
  mailprov_i=0
  while [ "$mailprov_i" -lt "$mailprov_count" ]; do
    mailprov_i=$((mailprov_i + 1))
    eval "mailprov_set_restore \"\$mailprov_path_$mailprov_i\" \"\$mailprov_copy_$mailprov_i\""
  done
  mailprov_set_refused "$mailprov_status"
}

# mailprov_kept PATH: where the copy of PATH is or belongs, called $mailprov_copy; `-` if there is nothing to copy.
# Fails if it has to be made yet. What was there before the run counts: a second change by the same run keeps the
# first copy. What the run made is listed in RUN.made.
mailprov_kept() {
  mailprov_copy=-
  if ! mailprov_left "$1"; then
    [ -d "$mailprov_state/backups/" ] || (umask 077 && mkdir -p -- "$mailprov_state/backups") || exit 1
    mailprov_left "$mailprov_state/backups/$mailprov_run$1" ||
      printf '%s\n' "$1" >>"$mailprov_state/backups/$mailprov_run.made" || exit 1
    return 0
  fi
  mailprov_copy=$mailprov_state/backups/$mailprov_run$1
  mailprov_left "$mailprov_copy"
}

# mailprov_copies PATH ...: copies of files of one folder, on their way to the backups.
mailprov_copies() {
  mailprov_where=$mailprov_state/backups/$mailprov_run.part${1%/*}
  mkdir -p -- "$mailprov_where" && cp -a -- "$@" "$mailprov_where/" || exit 1
}

# mailprov_copied: links to the finished copies, so that each is whole or not there.
mailprov_copied() {
  mailprov_where=$mailprov_state/backups/$mailprov_run
  [ -d "$mailprov_where.part" ] || return 0
  cp -al -T -- "$mailprov_where.part" "$mailprov_where" && rm -rf -- "$mailprov_where.part" || exit 1
}

# mailprov_keep PATH: a copy under backups, called $mailprov_copy; `-` if there is nothing.
mailprov_keep() {
  mailprov_kept "$1" || { mailprov_copies "$1" && mailprov_copied; }
}

# mailprov_wrote PATH [SHA256]: what the run left at PATH, in RUN.wrote; `-` for nothing, `>TARGET` for a link. Whatever
# differs from that later is a person's doing. The note that mailprov made it learns of it, too.
mailprov_wrote() {
  mailprov_left_there=-
  if [ $# -eq 2 ]; then
    mailprov_left_there=$2
  elif [ -L "$1" ]; then
    mailprov_left_there=">$(readlink -- "$1")"
  elif [ -f "$1" ]; then
    mailprov_left_there=$(sha256sum <"$1")
    mailprov_left_there=${mailprov_left_there%% *}
  fi
  [ -d "$mailprov_state/backups/" ] || (umask 077 && mkdir -p -- "$mailprov_state/backups") || return 1
  printf '%s\t%s\n' "$1" "$mailprov_left_there" >>"$mailprov_state/backups/$mailprov_run.wrote" || return 1
  mailprov_noted=$mailprov_state/made/paths$1.noted
  [ -e "$mailprov_noted" ] || return 0
  case $mailprov_left_there in
    -) rm -f -- "$mailprov_noted" ;;
    *) printf '%s\n' "$mailprov_left_there" >>"$mailprov_noted" ;;
  esac
}
