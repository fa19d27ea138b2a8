# mailprov_facts [PACKAGE...]: what is known of the host, a word and its value per line; nothing is changed.
mailprov_facts() {
    printf 'lock %s\n' "$mailprov_lock_state"
    (
        ID= VERSION_ID= VERSION_CODENAME=
        [ ! -r /etc/os-release ] || . /etc/os-release
        printf 'distribution %s\nrelease %s\ncodename %s\n' "$ID" "$VERSION_ID" "$VERSION_CODENAME"
    ) 2>/dev/null
    read -r mailprov_word </proc/1/comm && printf 'init %s\n' "$mailprov_word"
    while read -r mailprov_word mailprov_value mailprov_rest; do
        [ "$mailprov_word" != MemTotal: ] || printf 'memory %s\n' "$((mailprov_value / 1024))"
    done </proc/meminfo
    printf 'clock %s\n' "$(date +%s)"
    printf 'login %s\n' "${SUDO_USER:-${USER:-$(id -un)}}"
    printf 'ssh %s\n' "$mailprov_ssh"
    # What waits for a server, or reads the package manager's database, runs beside the rest.
    mailprov_names | {
        exec 3<&0 </dev/null
        printf 'architecture %s\n' "$(dpkg --print-architecture 2>/dev/null || uname -m)"
        [ $# -eq 0 ] || mailprov_versions "$@"
        cat <&3
    }
}

# mailprov_names: the resolver may wait for name servers that don't answer.
mailprov_names() {
    read -r mailprov_word </proc/sys/kernel/hostname && printf 'hostname %s\n' "$mailprov_word"
    printf 'fqdn %s\n' "$(timeout 5 hostname --fqdn 2>/dev/null || printf %s "$mailprov_word")"
}

# mailprov_versions PACKAGE...: apt is slow, so it is only asked for what is not installed. Without lists it knows
# no candidate.
mailprov_versions() {
    command -v dpkg-query >/dev/null || return 0
    mailprov_installed=$(dpkg-query -W -f '${Package} ${db:Status-Status} ${Version}\n' -- "$@" 2>/dev/null |
        while read -r mailprov_word mailprov_status mailprov_value; do
            [ "$mailprov_status" != installed ] || printf '%s %s\n' "$mailprov_word" "$mailprov_value"
        done)
    for mailprov_word in "$@"; do
        case "
$mailprov_installed
" in
            *"
$mailprov_word "*) shift ;;
            *) set -- "$@" "$mailprov_word"; shift ;;
        esac
    done
    [ -z "$mailprov_installed" ] || printf '%s\n' "$mailprov_installed" | sed 's/^/installed /'
    [ $# -gt 0 ] || return 0
    apt-cache policy -- "$@" 2>/dev/null | while read -r mailprov_word mailprov_value mailprov_rest; do
        case $mailprov_word in
            Installed: | Version) ;;
            Candidate:)
                [ "$mailprov_value" = '(none)' ] || printf 'candidate %s %s\n' "$mailprov_package" "$mailprov_value"
                ;;
            *:) mailprov_package=${mailprov_word%:} ;;
        esac
    done
}
