# The session's own functions. Before them stand the variables mailprov_nonce, mailprov_run, mailprov_lock and
# mailprov_state. Only frames are printed on standard output; see session/frame.rs for their grammar.

cd /
umask 022
HOME=/root
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export HOME PATH
unset CDPATH ENV BASH_ENV SUDO_COMMAND
mailprov_folder=
mailprov_lock_state=none
mailprov_watcher=
# Seconds, and how many times them, that the control machine may be silent: see mailprov_watch.
mailprov_beat=30
mailprov_beats=6

# A connection that breaks must not kill what is being done: see mailprov_collect.
trap '' HUP PIPE
trap '[ -z "$mailprov_watcher" ] || kill "$mailprov_watcher" 2>/dev/null
[ -z "$mailprov_folder" ] || rm -rf "$mailprov_folder"' EXIT

# mailprov_answer CODE: runs code that changes nothing, its output is the answer.
mailprov_answer() {
    printf '%s o\n' "$mailprov_nonce"
    ( mailprov_code=$1; set --; trap - PIPE; eval "$mailprov_code" ) </dev/null 8>&- 9>&-
    printf '\n%s d %s\n' "$mailprov_nonce" "$?"
}

# A private folder for what fragments print, and the pipe for their standard error.
mailprov_prepare() {
    [ -z "$mailprov_folder" ] || return 0
    mkdir -p "$mailprov_run" && chmod 0700 "$mailprov_run" || return
    for mailprov_old in "$mailprov_run"/session.*; do
        mailprov_pid=${mailprov_old##*/session.}
        kill -0 "${mailprov_pid%%.*}" 2>/dev/null || rm -rf "$mailprov_old"
    done
    mailprov_folder=$(mktemp -d "$mailprov_run/session.$$.XXXXXX") || return
    mkfifo "$mailprov_folder/pipe" && command exec 8<>"$mailprov_folder/pipe"
}

mailprov_begin() {
    if ! mailprov_prepare; then
        printf '%s x %s\n' "$mailprov_nonce" "no private folder could be made in $mailprov_run"
        exit 77
    fi
    mailprov_collect &
    mailprov_collector=$!
}

# mailprov_fragment INDEX CODE: nothing that the fragment holds open leads to the connection, so it ends in its
# own way when the connection breaks; what comes after it is not begun.
mailprov_fragment() {
    [ ! -e "$mailprov_folder/gone" ] || return 0
    read -r mailprov_from mailprov_rest </proc/uptime
    (
        mailprov_code=$2
        set --
        trap - PIPE
        eval "$mailprov_code"
    ) </dev/null >"$mailprov_folder/out.$1" 2>&8 8>&- 9>&-
    mailprov_status=$?
    [ "$mailprov_status" = 0 ] || mailprov_blame | while IFS= read -r mailprov_line; do
        printf '\n%s because %s\n' "$mailprov_nonce" "$mailprov_line" >&8
    done
    read -r mailprov_to mailprov_rest </proc/uptime
    printf '\n%s %s %s %s %s\n' "$mailprov_nonce" "$1" "$mailprov_status" "$mailprov_from" "$mailprov_to" >&8
}

# mailprov_blame: what may be behind any failure. The tools' own words ("write error") don't say where.
mailprov_blame() {
    df -kP / /etc /var /tmp "$mailprov_run" "$mailprov_state" 2>/dev/null | sort -u |
        while read -r mailprov_line mailprov_line mailprov_line mailprov_left mailprov_line mailprov_where; do
            case $mailprov_left in
                ? | 1?) [ "$mailprov_left" = - ] ||
                    printf 'no space is left on %s: make room there and apply again\n' "$mailprov_where" ;;
            esac
        done
    while read -r mailprov_line mailprov_where mailprov_line mailprov_left mailprov_line; do
        case $mailprov_where:$mailprov_left in
            /:ro,* | /:ro | /etc:ro,* | /etc:ro | /var:ro,* | /var:ro)
                printf '%s is mounted read-only: see why (dmesg, mount), mount it writable and apply again\n' "$mailprov_where" ;;
        esac
    done </proc/mounts
}

mailprov_end() {
    printf '\n%s end\n' "$mailprov_nonce" >&8
    wait "$mailprov_collector"
    rm -f "$mailprov_folder"/out.* "$mailprov_folder/errors"
    [ ! -e "$mailprov_folder/gone" ] || exit 77
}

# Reads the standard error of one fragment after the other and prints all frames of a batch. It is not ended by
# the end of the pipe, which a daemon that a fragment started may keep open, but by a line of mailprov_end's.
mailprov_collect() {
    exec 9>&-
    mailprov_index=0
    : >"$mailprov_folder/errors"
    while IFS= read -r mailprov_line; do
        case $mailprov_line in
            "$mailprov_nonce end") break ;;
            "$mailprov_nonce because "*)
                # It goes before what the tools said themselves.
                mailprov_said=$(cat "$mailprov_folder/errors")
                printf '%s\n' "${mailprov_line#"$mailprov_nonce because "}" "$mailprov_said" >"$mailprov_folder/errors"
                ;;
            "$mailprov_nonce "*)
                set -- $mailprov_line
                mailprov_index=$(($2 + 1))
                mailprov_send "$2" "$3" "$4" "$5" || : >"$mailprov_folder/gone"
                : >"$mailprov_folder/errors"
                ;;
            'mailprov: '*)
                printf '%s p %s %s\n' "$mailprov_nonce" "$mailprov_index" "${mailprov_line#mailprov: }" 2>/dev/null ||
                    : >"$mailprov_folder/gone"
                ;;
            *) printf '%s\n' "$mailprov_line" >>"$mailprov_folder/errors" ;;
        esac
    done <&8
}

# mailprov_send INDEX STATUS FROM TO: at most 4 MiB of each stream. The size is taken once, because a process
# that a fragment left behind may still be writing.
mailprov_send() {
    if [ -s "$mailprov_folder/out.$1" ] || [ -s "$mailprov_folder/errors" ]; then
        set -- "$@" $(stat -c %s "$mailprov_folder/out.$1" "$mailprov_folder/errors")
        mailprov_out=$5
        mailprov_err=$6
        [ "$mailprov_out" -le 4194304 ] || mailprov_out=4194304
        [ "$mailprov_err" -le 4194304 ] || mailprov_err=4194304
    else
        mailprov_out=0
        mailprov_err=0
    fi
    printf '%s f %s %s %s %s %s %s\n' "$mailprov_nonce" "$1" "$2" "$3" "$4" "$mailprov_out" "$mailprov_err" 2>/dev/null || return
    [ "$mailprov_out" -eq 0 ] || head -c "$mailprov_out" "$mailprov_folder/out.$1" 2>/dev/null || return
    [ "$mailprov_err" -eq 0 ] || head -c "$mailprov_err" "$mailprov_folder/errors" 2>/dev/null
}

# mailprov_take_lock HOLDER: the lock lives as long as this shell, whatever happens to it. Only root may open the
# file, or anybody on the host could hold it. The three seconds are for a run that has just ended.
mailprov_take_lock() {
    [ "$mailprov_lock_state" != held ] || return 0
    if ! ( umask 077; : >>"$mailprov_lock" ) 2>/dev/null || ! command exec 9>>"$mailprov_lock"; then
        mailprov_lock_state="failed $mailprov_lock can't be written"
    elif ! command -v flock >/dev/null; then
        mailprov_lock_state="failed flock is not installed"
    elif flock -w 3 9; then
        printf '%s %s\n' "$(date +%s)" "$1" >"$mailprov_lock"
        mailprov_lock_state=held
        mailprov_watch
    else
        IFS= read -r mailprov_line <"$mailprov_lock"
        mailprov_lock_state="busy $mailprov_line"
        exec 9>&-
    fi
}

# mailprov_watch: a control machine that vanishes without a word (its power, its line) leaves a connection that nobody
# closes for hours, and with it the lock. So it sends an empty line now and then, and the loader adds a line to the
# lock file for each: a shell that waits and hears nothing any more is ended. A shell that works is left alone.
mailprov_watch() {
    (
        trap 'kill "$!" 2>/dev/null; exit' TERM
        mailprov_still=0 mailprov_before=0 mailprov_last=
        while [ "$mailprov_still" -lt "$mailprov_beats" ]; do
            sleep "$mailprov_beat" &
            wait "$!"
            # As long as it is our parent, its number is not somebody else's.
            read -r mailprov_line mailprov_line mailprov_line mailprov_pid mailprov_rest </proc/self/stat
            [ "$mailprov_pid" = "$$" ] || exit
            mailprov_now=0 mailprov_line=
            while IFS= read -r mailprov_line; do
                mailprov_now=$((mailprov_now + 1)) mailprov_last=$mailprov_line
            done <"$mailprov_lock"
            case $mailprov_last:$mailprov_now in
                idle:"$mailprov_before") mailprov_still=$((mailprov_still + 1)) ;;
                *) mailprov_still=0 ;;
            esac
            mailprov_before=$mailprov_now
        done
        kill -KILL "$$"
        rm -rf "$mailprov_run/session.$$".*
    ) </dev/null >/dev/null 2>&1 8>&- 9>&- &
    mailprov_watcher=$!
}

# mailprov_sign busy|idle: what cannot be noted (no space is left) must not end a shell that works.
mailprov_sign() {
    echo "$1" 2>/dev/null >&9 || kill "$mailprov_watcher" 2>/dev/null
}

# mailprov_finish [NAME BASE64]: the record of the run, then the end. Names sort by time; the last 100 stay.
mailprov_finish() {
    if [ $# -eq 2 ]; then
        mkdir -p "$mailprov_state/runs" && chmod 0700 "$mailprov_state" "$mailprov_state/runs" &&
            ( umask 077; printf %s "$2" | base64 -d >"$mailprov_state/runs/.$1" ) &&
            mv "$mailprov_state/runs/.$1" "$mailprov_state/runs/$1" &&
            ls "$mailprov_state/runs" | head -n -100 | while IFS= read -r mailprov_old; do
                rm -f "$mailprov_state/runs/$mailprov_old"
            done
        # Backups of the last 20 runs that replaced files. What a service would get back when it does not come up stays
        # for as long as it may be needed.
        for mailprov_old in "$mailprov_state"/backups/[0-9]*.wrote; do
            printf '%s\n' "${mailprov_old%.wrote}"
        done | head -n -20 | while IFS= read -r mailprov_old; do
            ! grep -qsF "$mailprov_old/" "$mailprov_state"/services/*.previous || continue
            rm -rf "$mailprov_old" "$mailprov_old.wrote" "$mailprov_old.made"
        done
    fi
    exit 77
}
