# One transaction of Debian's package manager: see apt.rs. Everything runs in the subshell of one fragment, so that
# `exit` and the traps end with it. Needs apt-ours.sh.
mailprov_policy=/usr/sbin/policy-rc.d
mailprov_policy_mark='# mailprov put this here while it installs packages; it says nothing to anybody else.'
# Seconds without a byte from a mirror after which it is given up. apt's own limits are for each attempt at each file.
mailprov_apt_patience=90
mailprov_apt_locks='/var/lib/dpkg/lock-frontend /var/lib/dpkg/lock /var/lib/apt/lists/lock /var/cache/apt/archives/lock'

mailprov_apt_begin() {
  umask 022
  mailprov_apt=$mailprov_state/packages
  (umask 077 && mkdir -p -- "$mailprov_apt") || exit 1
  # The words of apt and dpkg are read below. needrestart and listchanges would ask or restart on their own.
  export LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive DEBCONF_NONINTERACTIVE_SEEN=true UCF_FORCE_CONFFOLD=1 \
    NEEDRESTART_SUSPEND=1 APT_LISTCHANGES_FRONTEND=none MAILPROV_PACKAGES=1
  trap mailprov_apt_leave EXIT
  # A connection that breaks must not cut a transaction in two.
  trap '' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM
  : >"$mailprov_apt/log"
  rm -f -- "$mailprov_apt/silent"
  mailprov_apt_updated=no
  mailprov_apt_settle
  # Whatever a killed run left of these still counts.
  systemctl list-units --type=service --state=active --plain --no-legend --full 2>/dev/null |
    while read -r mailprov_unit mailprov_rest; do
      echo "$mailprov_unit"
    done >>"$mailprov_apt/active"
  mailprov_policy_put
}

# The end of a transaction that went well; a failed start of what ran before is a failure too.
mailprov_apt_end() {
  trap - EXIT
  mailprov_apt_settle
  mailprov_policy_restore
  mailprov_apt_resume
  exit
}

mailprov_apt_leave() {
  trap - EXIT
  mailprov_apt_settle
  mailprov_policy_restore
  mailprov_apt_resume >/dev/null 2>&1
}

# What ran before and was to be restarted by its package runs on with the new program. Timers listen to nobody.
mailprov_apt_resume() {
  mailprov_status=0
  if [ -s "$mailprov_apt/denied" ] && [ -d /run/systemd/system ]; then
    for mailprov_unit in $(sort -u "$mailprov_apt/denied"); do
      case $mailprov_unit in
        *.timer) systemctl is-enabled -q "$mailprov_unit" && systemctl start "$mailprov_unit" ;;
        *.service) mailprov_apt_restart "$mailprov_unit" ;;
        *.*) ;;
        *) mailprov_apt_restart "$mailprov_unit.service" ;;
      esac || mailprov_status=1
    done
  fi
  rm -f -- "$mailprov_apt/denied" "$mailprov_apt/active"
  return "$mailprov_status"
}

mailprov_apt_restart() {
  grep -qxF -- "$1" "$mailprov_apt/active" || return 0
  echo "mailprov: restarting $1: its package changed" >&2
  systemctl restart "$1"
}

# policy-rc.d(8), see invoke-rc.d(8): 101 forbids. A service may be stopped, or its package could not be removed. It
# forbids only to our own transaction, which the environment tells, so that one left by a killed run does no harm.
mailprov_policy_put() {
  mailprov_policy_restore
  if [ -e "$mailprov_policy" ] || [ -L "$mailprov_policy" ]; then
    cp -a -- "$mailprov_policy" "$mailprov_policy.mailprov-part" &&
      mv -fT -- "$mailprov_policy.mailprov-part" "$mailprov_policy.before-mailprov" || exit 1
  fi
  cat >"$mailprov_policy.mailprov-part" <<END || exit 1
#!/bin/sh
$mailprov_policy_mark
if [ -x '$mailprov_policy.before-mailprov' ]; then
  '$mailprov_policy.before-mailprov' "\$@"
  status=\$?
  [ "\$status" != 101 ] && [ -n "\$MAILPROV_PACKAGES" ] || exit "\$status"
fi
[ -n "\$MAILPROV_PACKAGES" ] || exit 0
while :; do
  case \$1 in
    --*) shift ;;
    *) break ;;
  esac
done
[ "\$2" != stop ] || exit 0
printf '%s\n' "\$1" >>'$mailprov_apt/denied'
exit 101
END
  chmod 755 "$mailprov_policy.mailprov-part" &&
    mv -fT -- "$mailprov_policy.mailprov-part" "$mailprov_policy" || exit 1
}

mailprov_policy_restore() {
  rm -f -- "$mailprov_policy.mailprov-part"
  if [ -f "$mailprov_policy" ] && grep -qxF -- "$mailprov_policy_mark" "$mailprov_policy"; then
    if [ -e "$mailprov_policy.before-mailprov" ] || [ -L "$mailprov_policy.before-mailprov" ]; then
      mv -fT -- "$mailprov_policy.before-mailprov" "$mailprov_policy"
    else
      rm -f -- "$mailprov_policy"
    fi
  else
    rm -f -- "$mailprov_policy.before-mailprov"
  fi
}

mailprov_apt_debconf() {
  mailprov_apt_wait
  debconf-set-selections >>"$mailprov_apt/log" 2>&1 || mailprov_apt_failed "debconf refused an answer"
}

mailprov_apt_mark() {
  mailprov_apt_wait
  apt-mark "$@" >>"$mailprov_apt/log" 2>&1 || mailprov_apt_failed "apt-mark $1 failed"
}

# mailprov_apt_transaction MAY-BE-REMOVED ... -- PACKAGE ...; PACKAGE- removes.
mailprov_apt_transaction() {
  mailprov_may_go=' '
  while [ "$1" != -- ]; do
    mailprov_may_go="$mailprov_may_go$1 "
    shift
  done
  shift
  mailprov_apt_wait
  mailprov_apt_repair
  mailprov_apt_fresh || mailprov_apt_update
  if ! mailprov_apt_simulate install "$@"; then
    [ "$mailprov_apt_updated" = no ] || mailprov_apt_failed "apt sees no way to install: $*"
    mailprov_apt_update
    mailprov_apt_simulate install "$@" || mailprov_apt_failed "apt sees no way to install: $*"
  fi
  mailprov_apt_install "$@" && return
  # A list that is older than the archive names files that are gone.
  [ "$mailprov_apt_updated" = no ] && [ ! -e "$mailprov_apt/silent" ] &&
    grep -qE '^(E: Failed to fetch|Err:)' "$mailprov_apt/log" || mailprov_apt_failed "installing failed"
  mailprov_apt_update
  mailprov_apt_simulate install "$@" || mailprov_apt_failed "apt sees no way to install: $*"
  mailprov_apt_install "$@" || mailprov_apt_failed "installing failed"
}

# mailprov_apt_install PACKAGE ...: as just simulated.
mailprov_apt_install() {
  mailprov_apt_refuse_removals
  mailprov_apt_note
  mailprov_apt_run install "$@"
}

# Finishes what an interrupted dpkg left.
mailprov_apt_repair() {
  set -- /var/lib/dpkg/updates/[0-9]*
  [ -e "$1" ] || [ -n "$(dpkg --audit 2>/dev/null)" ] || return 0
  echo "mailprov: finishing an interrupted installation" >&2
  dpkg --force-confold --force-confdef --configure -a </dev/null >>"$mailprov_apt/log" 2>&1
  [ -n "$(dpkg --audit 2>/dev/null)" ] || return 0
  # Half-unpacked packages: apt fetches what they lack.
  mailprov_apt_fresh || mailprov_apt_update
  mailprov_apt_simulate -f install || mailprov_apt_failed "an interrupted installation can't be finished"
  mailprov_apt_refuse_removals
  mailprov_apt_run -f install || mailprov_apt_failed "an interrupted installation can't be finished"
}

# Whether the lists are there and younger than a day.
mailprov_apt_fresh() {
  set -- /var/lib/apt/lists/*_Packages*
  [ -e "$1" ] &&
    [ -n "$(find /var/lib/apt/lists "$mailprov_apt/updated" -maxdepth 0 -mmin -1440 2>/dev/null)" ]
}

mailprov_apt_update() {
  mailprov_apt_updated=yes
  echo "mailprov: fetching package lists" >&2
  if mailprov_apt_watched -o APT::Update::Error-Mode=any update; then
    : >"$mailprov_apt/updated"
    return
  fi
  set -- /var/lib/apt/lists/*_Packages*
  [ -e "$1" ] || mailprov_apt_failed "the package lists could not be fetched"
  rm -f -- "$mailprov_apt/silent"
  echo "mailprov: the package lists could not be fetched; going on with the old ones" >&2
}

mailprov_apt_simulate() {
  mailprov_apt_get -s --no-install-recommends "$@" || return
  cp -- "$mailprov_apt/last" "$mailprov_apt/simulated"
}

# Nothing goes that nobody named.
mailprov_apt_refuse_removals() {
  mailprov_goes=
  while read -r mailprov_word mailprov_name mailprov_rest; do
    [ "$mailprov_word" = Remv ] || continue
    mailprov_named=no
    set -f
    for mailprov_pattern in $mailprov_may_go; do
      # shellcheck disable=SC2254
      case $mailprov_name in
        $mailprov_pattern) mailprov_named=yes ;;
      esac
    done
    set +f
    [ "$mailprov_named" = yes ] || mailprov_goes="$mailprov_goes $mailprov_name"
  done <"$mailprov_apt/simulated"
  [ -z "$mailprov_goes" ] && return
  printf '%s\n' "apt would also remove:$mailprov_goes" \
    "nothing was changed. Name them in the step (\`replaces\`, or a step with \`state: absent\`), or remove them by hand" >&2
  exit 1
}

mailprov_apt_run() {
  mailprov_apt_watched --no-install-recommends "$@"
}

# apt-get, with its progress for people, and ended when a mirror has fallen silent.
mailprov_apt_watched() {
  rm -f -- "$mailprov_apt/progress" "$mailprov_apt/silent"
  mkfifo -m 600 "$mailprov_apt/progress" || exit 1
  mailprov_apt_progress <"$mailprov_apt/progress" &
  mailprov_reader=$!
  mailprov_apt_get -o APT::Status-Fd=3 "$@" 3>"$mailprov_apt/progress"
  mailprov_status=$?
  # Not waited for: a daemon that a package started may hold the other end.
  kill "$mailprov_reader" 2>/dev/null
  wait "$mailprov_reader" 2>/dev/null
  rm -f -- "$mailprov_apt/progress"
  return "$mailprov_status"
}

# apt's README.progress-reporting: `pmstatus:PACKAGE:PERCENT:WORDS`, `dlstatus:NUMBER:PERCENT:WORDS`. While it fetches, a
# line comes twice a second, whether anything arrives or not.
mailprov_apt_progress() {
  # apt must not die because nobody listens any more.
  trap '' PIPE
  trap - EXIT
  mailprov_most=-1 mailprov_looked=0 mailprov_since=0 mailprov_said=
  while IFS=: read -r mailprov_kind mailprov_name mailprov_percent mailprov_words; do
    case $mailprov_kind:$mailprov_words in
      dlstatus:*)
        mailprov_apt_silence
        mailprov_words="$mailprov_words (${mailprov_percent%.*} %)"
        [ "$mailprov_words" = "$mailprov_said" ] || echo "mailprov: $mailprov_words" >&2
        mailprov_said=$mailprov_words
        ;;
      pmstatus:Unpacking\ * | pmstatus:Configuring\ * | pmstatus:Removing\ *)
        echo "mailprov: $mailprov_words (${mailprov_percent%.*} %)" >&2
        ;;
    esac
  done
}

# Ends apt-get when it has been fetching and has got nothing for too long. Nothing is installed before all is there.
mailprov_apt_silence() {
  read -r mailprov_now mailprov_rest </proc/uptime
  mailprov_now=${mailprov_now%.*}
  [ "$mailprov_now" -ge $((mailprov_looked + 5)) ] || return 0
  # Nobody has looked for long: the fetching has only just begun.
  [ "$mailprov_now" -lt $((mailprov_looked + 30)) ] || mailprov_since=$mailprov_now
  mailprov_looked=$mailprov_now mailprov_bytes=0
  for mailprov_size in $(find /var/cache/apt/archives /var/lib/apt/lists -type f -printf '%s\n' 2>/dev/null); do
    mailprov_bytes=$((mailprov_bytes + mailprov_size))
  done
  if [ "$mailprov_bytes" -gt "$mailprov_most" ]; then
    mailprov_most=$mailprov_bytes mailprov_since=$mailprov_now
  elif [ "$mailprov_now" -ge $((mailprov_since + mailprov_apt_patience)) ] &&
    read -r mailprov_getter <"$mailprov_apt/pid"; then
    : >"$mailprov_apt/silent"
    kill "$mailprov_getter"
  fi
}

# apt-get, once more when somebody was quicker to the lock. Its words go to files: a connection that breaks must not
# take a half-done transaction with it.
mailprov_apt_get() {
  mailprov_tries=5
  while :; do
    sh -c 'echo $$ >"$0" && exec apt-get "$@"' "$mailprov_apt/pid" \
      -q -y -o DPkg::Lock::Timeout=60 -o Acquire::Retries=3 -o Dpkg::Use-Pty=0 \
      -o Dpkg::Options::=--force-confold -o Dpkg::Options::=--force-confdef "$@" \
      </dev/null >"$mailprov_apt/last" 2>&1
    mailprov_status=$?
    rm -f -- "$mailprov_apt/pid"
    cat "$mailprov_apt/last" >>"$mailprov_apt/log"
    [ "$mailprov_status" != 0 ] || return 0
    mailprov_tries=$((mailprov_tries - 1))
    [ "$mailprov_tries" -gt 0 ] && grep -qE '^E: (Could not get lock|Unable to (acquire|lock))' "$mailprov_apt/last" ||
      return "$mailprov_status"
    mailprov_apt_wait
    sleep 1
  done
}

# Waits for whoever holds one of the locks, at most 15 minutes.
mailprov_apt_wait() {
  mailprov_waited=0
  while mailprov_apt_holder; do
    if [ "$mailprov_waited" -ge 900 ]; then
      printf '%s\n' "$mailprov_holder still holds $mailprov_lock after 15 minutes" \
        "let it finish, or see what it does: ps -fp ${mailprov_holder%% *}" >&2
      exit 1
    fi
    [ $((mailprov_waited % 10)) != 0 ] ||
      echo "mailprov: waiting for process $mailprov_holder, which holds $mailprov_lock" >&2
    sleep 1
    mailprov_waited=$((mailprov_waited + 1))
  done
}

# $mailprov_holder is `PID (NAME)`. proc_locks(5): `1: POSIX ADVISORY WRITE PID MAJOR:MINOR:INODE 0 EOF`; the device
# is not that of stat on every filesystem, so the holder's open files decide.
mailprov_apt_holder() {
  for mailprov_lock in $mailprov_apt_locks; do
    mailprov_inode=$(stat -c %i -- "$mailprov_lock" 2>/dev/null) || continue
    while read -r _ mailprov_kind _ _ mailprov_pid mailprov_device _; do
      [ "$mailprov_kind" = POSIX ] && [ "${mailprov_device##*:}" = "$mailprov_inode" ] || continue
      for mailprov_fd in "/proc/$mailprov_pid/fd"/*; do
        [ "$mailprov_fd" -ef "$mailprov_lock" ] || continue
        mailprov_name=
        { read -r mailprov_name <"/proc/$mailprov_pid/comm"; } 2>/dev/null
        mailprov_holder="$mailprov_pid ($mailprov_name)"
        return 0
      done
    done </proc/locks
  done
  return 1
}

# mailprov_apt_failed WORDS: with the lines of the log that decide.
mailprov_apt_failed() {
  printf '%s\n' "$1" >&2
  if [ -e "$mailprov_apt/silent" ]; then
    printf '%s\n' "nothing has come from the package mirror for $mailprov_apt_patience s: see whether this host reaches it (apt-get update)" \
      "and apply again; what was fetched is kept, and nothing was installed" >&2
    mailprov_words=$(grep -E '^(Get|Ign|Err):' "$mailprov_apt/log" | tail -n 3)
  else
    mailprov_words=$(grep -E -B4 -e '^E: ' -e '^dpkg: ' -e '^Err:' -e '^debconf' -e '^error: ' \
      -e '(Depends|Conflicts|Breaks): ' -e 'returned error' -e 'No space left' -- "$mailprov_apt/log" | tail -n 25)
    [ -n "$mailprov_words" ] || mailprov_words=$(tail -n 15 "$mailprov_apt/log")
  fi
  printf '%s\n' "$mailprov_words" "(all of it on the host: $mailprov_apt/log)" >&2
  exit 1
}
