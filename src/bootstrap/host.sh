# What `mailprov bootstrap` does on a host. Each function says `changed` on standard output when it changed something,
# and its words for people on lines that begin with `say `. The names of users were checked: they need no care here.

mailprov_boot_file=/etc/ssh/sshd_config.d/00-mailprov.conf
mailprov_boot_unit=mailprov-undo-sshd

# cloud-init's own words for its state: see `cloud-init status`. What has not begun is only waited for while the host
# boots: it may be switched off.
mailprov_boot_cloud_init() {
    command -v cloud-init >/dev/null || return 0
    mailprov_waited=0
    while :; do
        mailprov_word=$(cloud-init status 2>/dev/null | sed -n 's/^status: //p')
        case $mailprov_word in
            running) ;;
            'not run' | 'not started')
                case $(systemctl is-system-running 2>/dev/null) in
                    initializing | starting) ;;
                    *) break ;;
                esac
                ;;
            *) break ;;
        esac
        if [ "$mailprov_waited" -ge 900 ]; then
            printf '%s\n' 'cloud-init still runs after 15 minutes; see what it does: cloud-init status --long' >&2
            exit 1
        fi
        [ $((mailprov_waited % 5)) != 0 ] || echo "mailprov: waiting for cloud-init, $mailprov_waited s" >&2
        sleep 1
        mailprov_waited=$((mailprov_waited + 1))
    done
    [ "$mailprov_waited" = 0 ] || echo 'say waited until it was done'
    case $mailprov_word in
        error* | degraded*) echo "say it ended with \`$mailprov_word\`: cloud-init status --long says why" ;;
    esac
}

mailprov_boot_apt() {
    mailprov_apt_wait
    [ "$mailprov_waited" = 0 ] || echo 'say waited until its lock was free'
}

# mailprov_boot_user NAME
mailprov_boot_user() {
    ! getent passwd "$1" >/dev/null || return 0
    set -- --create-home --shell /bin/sh --password '*' "$1"
    [ ! -x /bin/bash ] || set -- --shell /bin/bash "$@"
    eval "mailprov_word=\${$#}"
    if getent group "$mailprov_word" >/dev/null; then
        set -- --gid "$mailprov_word" "$@"
    else
        set -- --user-group "$@"
    fi
    useradd "$@" || exit 1
    echo changed
}

# mailprov_boot_password NAME <PASSWORD: for an account that has none.
mailprov_boot_password() {
    case $(getent shadow "$1" | cut -d: -f2) in
        '' | '*' | '!' | '!*' | '!!') ;;
        *) return 0 ;;
    esac
    IFS= read -r mailprov_word
    printf '%s:%s\n' "$1" "$mailprov_word" | chpasswd || exit 1
    echo changed
}

# mailprov_boot_keys NAME KEY...: as the user itself, so that no link of theirs leads root anywhere.
mailprov_boot_keys() {
    mailprov_name=$1
    shift
    runuser -u "$mailprov_name" -- sh -c '
        umask 077
        folder=$(getent passwd "$(id -un)" | cut -d: -f6)/.ssh
        file=$folder/authorized_keys
        [ -d "$folder" ] || mkdir -m 0700 "$folder" || exit 1
        for key; do
            set -- $key
            if [ -e "$file" ] && awk -v key="$1 $2" "\$1 \" \" \$2 == key { found = 1 } END { exit !found }" "$file"; then
                continue
            fi
            { [ ! -e "$file" ] || cat "$file"; } >"$file.mailprov" || exit 1
            [ -z "$(tail -c 1 "$file.mailprov")" ] || echo >>"$file.mailprov"
            printf "%s\n" "$key" >>"$file.mailprov" && mv -fT "$file.mailprov" "$file" || exit 1
            echo changed
        done
    ' sh "$@" || exit 1
}

# mailprov_boot_sudoers LINE: sudo ignores files whose names have a dot.
mailprov_boot_sudoers() {
    mailprov_part=/etc/sudoers.d/.mailprov.part
    mailprov_target=/etc/sudoers.d/90-mailprov
    mkdir -p /etc/sudoers.d || exit 1
    rm -f "$mailprov_part"
    (umask 0227 && printf '%s\n' '# Made by `mailprov bootstrap`.' "$1" >"$mailprov_part") || exit 1
    if cmp -s "$mailprov_part" "$mailprov_target"; then
        rm -f "$mailprov_part"
        return 0
    fi
    if ! mailprov_text=$(visudo -cf "$mailprov_part" 2>&1); then
        rm -f "$mailprov_part"
        printf 'sudo refuses its new file: %s\n' "$mailprov_text" >&2
        exit 1
    fi
    mv -fT "$mailprov_part" "$mailprov_target" || exit 1
    if ! mailprov_text=$(visudo -c 2>&1); then
        rm -f "$mailprov_target"
        printf 'sudo refuses its files with the new one: %s\n' "$mailprov_text" >&2
        exit 1
    fi
    echo changed
}

mailprov_boot_sshd_settings() {
    sshd -T -C user=root,host=localhost,addr=127.0.0.1 2>/dev/null |
        sed -n 's/^\(permitrootlogin\|passwordauthentication\|kbdinteractiveauthentication\) /\1=/p' | sort | tr '\n' ' '
}

mailprov_boot_sshd_reload() {
    for mailprov_word in ssh.service sshd.service; do
        systemctl -q is-active "$mailprov_word" || continue
        systemctl reload-or-restart "$mailprov_word"
        return
    done
    # Started for each connection by its socket: nothing to reload.
    return 0
}

# mailprov_boot_harden SECONDS ROOT: makes sshd refuse passwords, and root unless ROOT is prohibit-password. The host
# itself takes it back after SECONDS, unless mailprov_boot_confirm comes first.
mailprov_boot_harden() {
    mailprov_want="kbdinteractiveauthentication=no passwordauthentication=no permitrootlogin=$2 "
    [ "$2" = no ] || mailprov_want="kbdinteractiveauthentication=no passwordauthentication=no permitrootlogin=without-password "
    mailprov_part=/etc/ssh/sshd_config.d/.mailprov.part
    mkdir -p /etc/ssh/sshd_config.d || exit 1
    cat >"$mailprov_part" <<END || exit 1
# Made by \`mailprov bootstrap\`: the first value of an option counts.
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin $2
END
    if cmp -s "$mailprov_part" "$mailprov_boot_file" && [ "$(mailprov_boot_sshd_settings)" = "$mailprov_want" ]; then
        rm -f "$mailprov_part"
        return 0
    fi
    if ! [ -d /run/systemd/system ]; then
        rm -f "$mailprov_part"
        echo 'systemd does not run there, so nothing could undo a hardening that locks you out: set PasswordAuthentication no and PermitRootLogin by hand' >&2
        exit 1
    fi
    mkdir -p /run/sshd
    { printf 'Include %s\n' "$mailprov_part"; cat /etc/ssh/sshd_config; } >"$mailprov_folder/sshd_config"
    if ! mailprov_text=$(sshd -t -f "$mailprov_folder/sshd_config" 2>&1); then
        rm -f "$mailprov_part"
        printf 'sshd refuses the new configuration: %s\n' "$mailprov_text" >&2
        exit 1
    fi
    mailprov_boot_arm "$1" || { rm -f "$mailprov_part"; exit 1; }
    chmod 0644 "$mailprov_part" && mv -fT "$mailprov_part" "$mailprov_boot_file" || exit 1
    mailprov_text=$(sshd -t 2>&1) || {
        mailprov_boot_undo
        printf 'sshd refuses the new configuration: %s\n' "$mailprov_text" >&2
        exit 1
    }
    if [ "$(mailprov_boot_sshd_settings)" != "$mailprov_want" ]; then
        mailprov_text=$(grep -niE '^[[:space:]]*(include|permitrootlogin|passwordauthentication|kbdinteractiveauthentication)' /etc/ssh/sshd_config | head -n 4 | tr '\n' ';')
        mailprov_boot_undo
        printf '%s\n' "/etc/ssh/sshd_config overrules $mailprov_boot_file: $mailprov_text put \`Include /etc/ssh/sshd_config.d/*.conf\` at its top" >&2
        exit 1
    fi
    mailprov_boot_sshd_reload || { mailprov_boot_undo; echo 'sshd could not be reloaded' >&2; exit 1; }
    echo changed
}

# mailprov_boot_arm SECONDS: a timer of the host's own, whatever becomes of us.
mailprov_boot_arm() {
    mailprov_boot_disarm
    (umask 077 && mkdir -p "$mailprov_state") || return
    rm -f "$mailprov_state/undo-sshd.conf"
    [ ! -e "$mailprov_boot_file" ] || cp -a "$mailprov_boot_file" "$mailprov_state/undo-sshd.conf" || return
    cat >"$mailprov_state/undo-sshd" <<END || return
#!/bin/sh
if [ -e '$mailprov_state/undo-sshd.conf' ]; then
    mv -fT '$mailprov_state/undo-sshd.conf' '$mailprov_boot_file'
else
    rm -f '$mailprov_boot_file'
fi
for unit in ssh.service sshd.service; do
    ! systemctl -q is-active "\$unit" || systemctl reload-or-restart "\$unit"
done
rm -f '$mailprov_state/undo-sshd'
END
    systemd-run --quiet --unit="$mailprov_boot_unit" --on-active="$1" --timer-property=AccuracySec=100ms \
        -- /bin/sh "$mailprov_state/undo-sshd"
}

mailprov_boot_disarm() {
    systemctl stop "$mailprov_boot_unit.timer" 2>/dev/null
    systemctl reset-failed "$mailprov_boot_unit.service" 2>/dev/null
    return 0
}

mailprov_boot_undo() {
    [ ! -e "$mailprov_state/undo-sshd" ] || /bin/sh "$mailprov_state/undo-sshd"
    mailprov_boot_disarm
}

# Refused when the undo was quicker.
mailprov_boot_confirm() {
    systemctl stop "$mailprov_boot_unit.timer" || exit 1
    if ! [ -e "$mailprov_state/undo-sshd" ] || systemctl -q is-active "$mailprov_boot_unit.service"; then
        echo 'the host has taken the hardening back already: run the command again' >&2
        exit 1
    fi
    rm -f "$mailprov_state/undo-sshd" "$mailprov_state/undo-sshd.conf"
}
