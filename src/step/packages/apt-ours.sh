# What mailprov installed with Debian's package manager, and taking it back: see apt.rs. Needs apt.sh.

# Notes what is going to be new on the host: `Inst NAME (VERSION` and no `[VERSION]` of one that is there. What does not
# come after all is struck off by mailprov_apt_settle.
mailprov_apt_note() {
  while read -r mailprov_word mailprov_name mailprov_rest; do
    case $mailprov_word:$mailprov_rest in
      Inst:\[*) ;;
      Inst:*) mailprov_made packages "$mailprov_name" || exit 1 ;;
    esac
  done <"$mailprov_apt/simulated"
}

# mailprov_apt_take_back KEEP ... -- PACKAGE ...: only what mailprov installed itself goes along. Never purged: packages
# would delete people's mail, databases and keys.
mailprov_apt_take_back() {
  mailprov_keep_names=' '
  while [ "$1" != -- ]; do
    mailprov_keep_names="$mailprov_keep_names$1 "
    shift
  done
  shift
  mailprov_apt_wait
  mailprov_apt_repair
  # What came as somebody's dependency, and is named by a role that stays, is wanted for itself.
  # shellcheck disable=SC2086
  apt-mark manual $mailprov_keep_names >>"$mailprov_apt/log" 2>&1
  mailprov_apt_simulate remove "$@" || mailprov_apt_failed "apt sees no way to remove: $*"
  mailprov_apt_others "$@"
  if [ -n "$mailprov_goes" ]; then
    printf '%s\n' "with $* apt would also remove:$mailprov_goes" \
      "nothing was changed: mailprov did not bring these, or another role needs them. Remove them by hand, or keep the role" >&2
    exit 1
  fi
  mailprov_apt_run remove "$@" || mailprov_apt_failed "removing failed"
  mailprov_apt_simulate autoremove || mailprov_apt_failed "apt can't say what nothing needs any more"
  set --
  while read -r mailprov_word mailprov_name mailprov_rest; do
    [ "$mailprov_word" != Remv ] || ! mailprov_apt_may_follow "$mailprov_name" || set -- "$@" "$mailprov_name"
  done <"$mailprov_apt/simulated"
  [ $# = 0 ] || mailprov_apt_follow "$@"
}

# mailprov_apt_follow PACKAGE ...: these go, except with which something would go that mailprov did not bring.
mailprov_apt_follow() {
  mailprov_apt_simulate remove "$@" || mailprov_apt_failed "apt can't say what would go with what nothing needs any more"
  mailprov_apt_others "$@"
  if [ -n "$mailprov_goes" ]; then
    echo "mailprov: what$mailprov_goes needs stays: mailprov did not bring that" >&2
    for mailprov_one; do
      shift
      mailprov_apt_simulate remove "$mailprov_one" ||
        mailprov_apt_failed "apt can't say what would go with $mailprov_one"
      mailprov_apt_others "$mailprov_one"
      [ -n "$mailprov_goes" ] || set -- "$@" "$mailprov_one"
    done
    [ $# -gt 0 ] || return 0
  fi
  mailprov_apt_run remove "$@" || mailprov_apt_failed "removing what nothing needs any more failed"
}

# mailprov_apt_others PACKAGE ...: $mailprov_goes, what would go beside these by the simulation, and must not.
mailprov_apt_others() {
  mailprov_goes='' mailprov_named=" $* "
  while read -r mailprov_word mailprov_name mailprov_rest; do
    [ "$mailprov_word" = Remv ] || continue
    case $mailprov_named in *" $mailprov_name "*) continue ;; esac
    mailprov_apt_may_follow "$mailprov_name" || mailprov_goes="$mailprov_goes $mailprov_name"
  done <"$mailprov_apt/simulated"
}

# Strikes off the notes of packages that are not there: because an installation failed or was killed, or because they were
# removed, by whomever. Whoever installs one later by hand has it for himself.
mailprov_apt_settle() {
  mailprov_left "$mailprov_state"/made/packages/* || return 0
  mailprov_words=" $(dpkg-query -W -f='${Package} ${db:Status-Status} ' 2>/dev/null)"
  # An answer of nothing is no answer.
  [ "$mailprov_words" != ' ' ] || return 0
  set --
  for mailprov_name in "$mailprov_state"/made/packages/*; do
    case $mailprov_words in
      *" ${mailprov_name##*/} not-installed "* | *" ${mailprov_name##*/} config-files "*) set -- "$@" "$mailprov_name" ;;
      # Half of it may be there, which is finished one day.
      *" ${mailprov_name##*/} "*) ;;
      *) set -- "$@" "$mailprov_name" ;;
    esac
  done
  [ $# = 0 ] || rm -f -- "$@"
}

# Whether mailprov installed it and no role names it that stays.
mailprov_apt_may_follow() {
  case $mailprov_keep_names in *" $1 "*) return 1 ;; esac
  [ -e "$mailprov_state/made/packages/$1" ]
}
