# One systemd unit: see fix.rs. Everything runs in the subshell of one fragment. Needs the functions of replace.sh.
# $mailprov_services/UNIT.restart and .reload hold what the unit was last brought up with, UNIT.previous the files to
# put back when it does not come up, UNIT.ran says that it ever did.
mailprov_service_begin() {
  mailprov_unit=$1
  mailprov_services=$mailprov_state/services
  mailprov_drop_ins=/etc/systemd/system/$1.d
  mailprov_guard=
  (umask 077 && mkdir -p -- "$mailprov_services") || exit 1
  umask 022
  # The folder of backups, should a drop-in be replaced.
  case $mailprov_run in /* | '') mailprov_run=$(date -u +%Y%m%dT%H%M%SZ)-drop-ins ;; esac
  mailprov_before=$mailprov_state/before/units/$1
  [ -e "$mailprov_before" ] || (umask 077 && mailprov_service_note) || exit 1
}

# The state of the unit before mailprov had to do with it, for the day when its role is taken away.
mailprov_service_note() {
  mkdir -p -- "${mailprov_before%/*}" || return 1
  if [ -e "$mailprov_services/$mailprov_unit.ran" ]; then
    echo 'inactive disabled'
  else
    echo "$(systemctl is-active -- "$mailprov_unit" 2>/dev/null) $(systemctl is-enabled -- "$mailprov_unit" 2>/dev/null)"
  fi >"$mailprov_before"
}

# mailprov_service_take_back UNIT masked|- DROP-IN ...: see gone/service.rs.
mailprov_service_take_back() {
  mailprov_unit=$1 mailprov_masked=$2
  shift 2
  mailprov_services=$mailprov_state/services
  mailprov_before=$mailprov_state/before/units/$mailprov_unit
  mailprov_first='' mailprov_boot=''
  read -r mailprov_first mailprov_boot <"$mailprov_before"
  for mailprov_name; do
    mailprov_path=/etc/systemd/system/$mailprov_unit.d/$mailprov_name
    ! mailprov_left "$mailprov_path" || mailprov_take_back "$mailprov_path" || exit 1
  done
  rmdir -- "/etc/systemd/system/$mailprov_unit.d" 2>/dev/null
  [ "$mailprov_masked" = - ] || systemctl -q unmask -- "$mailprov_unit"
  [ $# = 0 ] || systemctl daemon-reload || exit 1
  case $(systemctl show -p LoadState -- "$mailprov_unit") in
    *=not-found) ;;
    *)
      if [ "$mailprov_first" = active ]; then
        [ "$mailprov_boot" != enabled ] || mailprov_service_boot enable
        systemctl reload-or-restart -- "$mailprov_unit" || exit 1
      else
        systemctl stop -- "$mailprov_unit" || exit 1
        mailprov_service_boot disable
      fi
      ;;
  esac
  for mailprov_name in restart reload previous ran part; do
    rm -f -- "$mailprov_services/$mailprov_unit.$mailprov_name" || exit 1
  done
  rm -f -- "$mailprov_before" || exit 1
  exit 0
}

mailprov_service_drop_in() {
  mkdir -p -- "$mailprov_drop_ins" || exit 1
  mailprov_path=$mailprov_drop_ins/$1
  (
    umask 077
    mailprov_keep "$mailprov_path"
    mailprov_note "$mailprov_services/$mailprov_unit.previous" "$mailprov_path" "$mailprov_copy"
    rm -f -- "$mailprov_services/$mailprov_unit.restart"
  ) || exit 1
  # systemd reads only what ends in .conf.
  cat >"$mailprov_drop_ins/.mailprov-part" && chmod 644 "$mailprov_drop_ins/.mailprov-part" &&
    sync -- "$mailprov_drop_ins/.mailprov-part" && mv -fT -- "$mailprov_drop_ins/.mailprov-part" "$mailprov_path" &&
    mailprov_wrote "$mailprov_path"
}

mailprov_service_reread() {
  case $(systemctl show -p LoadState,NeedDaemonReload -- "$mailprov_unit") in
    *NeedDaemonReload=yes* | *LoadState=not-found*) systemctl daemon-reload || exit 1 ;;
  esac
}

mailprov_service_mask() {
  systemctl -q mask --now -- "$mailprov_unit" || exit 1
  exit 0
}

mailprov_service_boot() {
  case $(systemctl is-enabled -- "$mailprov_unit" 2>/dev/null) in
    masked*) systemctl -q unmask -- "$mailprov_unit" || exit 1 ;;
  esac
  case $1:$(systemctl is-enabled -- "$mailprov_unit" 2>/dev/null) in
    enable:enabled | disable:disabled | *:static | *:indirect | *:generated | *:transient | *:alias) ;;
    *) systemctl -q "$1" -- "$mailprov_unit" || exit 1 ;;
  esac
}

mailprov_service_stop() {
  systemctl stop -- "$mailprov_unit" || exit 1
  exit 0
}

# mailprov_service_up start|restart|reload RESTART-DIGEST|- RELOAD-DIGEST|-
mailprov_service_up() {
  mailprov_was=$(systemctl is-active -- "$mailprov_unit")
  if mailprov_service_do "$1"; then
    [ -z "$mailprov_guard" ] || mailprov_guard_wait "$2" "$3"
    mailprov_service_runs "$1" "$2" "$3"
    exit 0
  fi
  journalctl --sync 2>/dev/null
  mailprov_journal=$(journalctl -u "$mailprov_unit" -n 20 -o cat --no-pager 2>/dev/null)
  mailprov_service_explain "$1"
  mailprov_service_undo "$1"
  [ -z "$mailprov_guard" ] || mailprov_guard_drop
  printf '%s\n' "the last lines of its journal:" "$mailprov_journal" >&2
  exit 1
}

# mailprov_service_runs start|restart|reload RESTART-DIGEST|- RELOAD-DIGEST|-: it does, with what is on disk.
mailprov_service_runs() {
  # First the files to put back: a record that stood beside old ones would bring them back one day.
  rm -f -- "$mailprov_services/$mailprov_unit.previous"
  : >"$mailprov_services/$mailprov_unit.ran"
  [ "$1" = reload ] || mailprov_service_record restart "$2"
  mailprov_service_record reload "$3"
}

mailprov_service_record() {
  [ "$2" != - ] || return 0
  printf '%s\n' "$2" >"$mailprov_services/$mailprov_unit.part" &&
    mv -fT -- "$mailprov_services/$mailprov_unit.part" "$mailprov_services/$mailprov_unit.$1" || exit 1
}

mailprov_service_do() {
  case $1 in
    start) echo "mailprov: starting $mailprov_unit" >&2 ;;
    *) echo "mailprov: ${1}ing $mailprov_unit" >&2 ;;
  esac
  # A unit that failed too often would not even be tried.
  [ "$1" = reload ] || systemctl reset-failed -- "$mailprov_unit" 2>/dev/null
  case $1 in
    reload) systemctl reload-or-restart -- "$mailprov_unit" >/dev/null 2>&1 ;;
    *) systemctl "$1" -- "$mailprov_unit" >/dev/null 2>&1 ;;
  esac && mailprov_service_stays
}

# Whether it is active and stays so for a moment. systemctl waits for the programs that say when they are ready; one
# that doesn't (Type=simple) is called active before it has read its configuration.
mailprov_service_stays() {
  mailprov_tenths=0 mailprov_calm=0 mailprov_first=
  while [ "$mailprov_tenths" -lt 900 ]; do
    mailprov_service_look
    : "${mailprov_first:=$mailprov_restarts}"
    [ "$mailprov_restarts" = "$mailprov_first" ] || return 1
    case $mailprov_active:$mailprov_sub in
      active:*)
        case $mailprov_type in
          simple | exec | idle) [ "$mailprov_calm" -lt 10 ] || return 0 ;;
          notify* | forking | dbus) [ "$mailprov_calm" -lt 3 ] || return 0 ;;
          *) return 0 ;;
        esac
        mailprov_calm=$((mailprov_calm + 1))
        ;;
      activating:auto-restart*) return 1 ;;
      activating:* | reloading:* | refreshing:*) ;;
      *) return 1 ;;
    esac
    sleep 0.1
    mailprov_tenths=$((mailprov_tenths + 1))
  done
  return 1
}

mailprov_service_look() {
  mailprov_type='' mailprov_active='' mailprov_sub='' mailprov_restarts=0 mailprov_condition=''
  while IFS='=' read -r mailprov_key mailprov_value; do
    case $mailprov_key in
      Type) mailprov_type=$mailprov_value ;;
      ActiveState) mailprov_active=$mailprov_value ;;
      SubState) mailprov_sub=$mailprov_value ;;
      NRestarts) mailprov_restarts=$mailprov_value ;;
      ConditionResult) mailprov_condition=$mailprov_value ;;
    esac
  done <<END
$(systemctl show -p Type,ActiveState,SubState,NRestarts,ConditionResult -- "$mailprov_unit" 2>/dev/null)
END
}

mailprov_service_explain() {
  mailprov_service_look
  if [ "$mailprov_condition" = no ]; then
    mailprov_words=$(systemctl status -n 0 --no-pager -- "$mailprov_unit" 2>/dev/null | grep -F 'was not met')
    printf '%s\n' "$mailprov_unit did not $1: systemd skips it, because a condition of the unit is not met" \
      "$mailprov_words" >&2
  else
    printf '%s\n' "$mailprov_unit did not $1: it is $mailprov_active ($mailprov_sub)" >&2
  fi
}

# A service that ran gets back what it ran with. One that never did keeps the new files, to be looked at.
mailprov_service_undo() {
  [ -s "$mailprov_services/$mailprov_unit.previous" ] || return 0
  if [ "$mailprov_was" != active ] && [ ! -e "$mailprov_services/$mailprov_unit.ran" ]; then
    echo "it never ran before, so its new configuration stays in place" >&2
    return 0
  fi
  if ! mailprov_put_back "$mailprov_unit"; then
    echo "the previous configuration could not be put back: it is in $mailprov_state/backups" >&2
    return 0
  fi
  systemctl daemon-reload
  if { [ "$1" = reload ] && mailprov_service_do reload; } || mailprov_service_do restart; then
    echo "put the previous configuration back; the service runs with it" >&2
  else
    echo "put the previous configuration back; the service does not run with it either" >&2
  fi
}
