# A change of a service that may cut us off: see guard.rs. $mailprov_guard holds `armed` while the host waits for a new
# connection; whoever renames it first, the undo (`undone`) or its end (`kept`), wins. Beside it are the undo's program
# and what it needs: `was`, `action`, and the records to write when the change is kept, `restart` and `reload`.
# A reboot forgets all of it: what is on disk counts then.
mailprov_guards=$mailprov_run/undo

mailprov_guard_begin() {
  mailprov_unit=$1
  mailprov_services=$mailprov_state/services
  mailprov_guard=$mailprov_guards/$1
  mailprov_timer=mailprov-undo-$(printf %s "$1" | tr '.@\\' '___')
}

# mailprov_guard_arm start|restart|reload SECONDS: standard input has the functions of the program.
mailprov_guard_arm() {
  mailprov_guard_begin "$mailprov_unit"
  mailprov_was=$(systemctl is-active -- "$mailprov_unit")
  # What nobody has confirmed yet is no state to go back to.
  if mv -T -- "$mailprov_guard/armed" "$mailprov_guard/again" 2>/dev/null; then
    read -r mailprov_was <"$mailprov_guard/was"
  fi
  mailprov_guard_quiet
  rm -rf -- "$mailprov_guard"
  (
    umask 077
    mkdir -p -- "$mailprov_guard" && printf '%s\n' "$mailprov_was" >"$mailprov_guard/was" &&
      printf '%s\n' "$1" >"$mailprov_guard/action" &&
      {
        printf "mailprov_run='%s' mailprov_state='%s'\n" "${mailprov_guards%/undo}" "$mailprov_state"
        cat
        printf "mailprov_guard_undo '%s'\n" "$mailprov_unit"
      } >"$mailprov_guard/program" && : >"$mailprov_guard/armed"
  ) || return 1
  systemd-run --quiet --collect --unit="$mailprov_timer" --on-active="$2" --timer-property=AccuracySec=1s \
    --description="Puts back what $mailprov_unit ran with" sh "$mailprov_guard/program" && return 0
  rm -rf -- "$mailprov_guard"
  echo "the undo can't be armed, so nothing was changed" >&2
  return 1
}

# For the shell that a pipe to mailprov_guard_arm left as it was.
mailprov_guard_armed() {
  mailprov_guard_begin "$mailprov_unit"
}

# No timer, and no undo that is under way.
mailprov_guard_quiet() {
  systemctl stop -- "$mailprov_timer.timer" 2>/dev/null
  while systemctl -q is-active -- "$mailprov_timer.service"; do sleep 0.2; done
}

# mailprov_guard_wait RESTART-DIGEST|- RELOAD-DIGEST|-: it came up. Records are written when it is kept.
mailprov_guard_wait() {
  printf '%s\n' "$1" >"$mailprov_guard/restart" && printf '%s\n' "$2" >"$mailprov_guard/reload" || exit 1
  exit 0
}

# It did not come up, and has what it had.
mailprov_guard_drop() {
  rm -f -- "$mailprov_guard/armed"
  mailprov_guard_quiet
  rm -rf -- "$mailprov_guard"
}

# mailprov_guard_keep UNIT: run over a new connection.
mailprov_guard_keep() {
  mailprov_guard_begin "$1"
  if mv -T -- "$mailprov_guard/armed" "$mailprov_guard/kept" 2>/dev/null; then
    mailprov_guard_quiet
    read -r mailprov_action <"$mailprov_guard/action" && read -r mailprov_restart <"$mailprov_guard/restart" &&
      read -r mailprov_reload <"$mailprov_guard/reload" || exit 1
    mailprov_service_runs "$mailprov_action" "$mailprov_restart" "$mailprov_reload"
    rm -rf -- "$mailprov_guard"
  elif [ -e "$mailprov_guard/undone" ]; then
    mailprov_guard_quiet
    echo undone
  fi
}

# mailprov_guard_undo UNIT: what it ran with before, or a stop if it did not run.
mailprov_guard_undo() {
  mailprov_guard_begin "$1"
  if ! mv -T -- "$mailprov_guard/armed" "$mailprov_guard/undone" 2>/dev/null; then
    return 0
  fi
  systemctl stop -- "$mailprov_timer.timer" 2>/dev/null
  read -r mailprov_was <"$mailprov_guard/was"
  read -r mailprov_action <"$mailprov_guard/action"
  rm -f -- "$mailprov_services/$1.restart" "$mailprov_services/$1.reload"
  # Before its own file is taken away, which says how it is stopped.
  [ "$mailprov_was" = active ] || systemctl stop -- "$1"
  [ ! -s "$mailprov_services/$1.previous" ] || mailprov_put_back "$1" ||
    echo "the previous configuration could not be put back: it is in $mailprov_state/backups" >&2
  systemctl daemon-reload
  [ "$mailprov_was" = active ] || return 0
  { [ "$mailprov_action" = reload ] && mailprov_service_do reload; } || mailprov_service_do restart
}
