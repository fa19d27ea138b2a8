# Runs as whoever logged in, with mailprov_nonce and mailprov_loader set; the next line of standard input is
# `root`, `sudo`, `ask` or `password PASSWORD`. Ends as the loader, run by root.

# mailprov_refuse KIND TEXT: the last line is sudo's verdict, what stands before it may be its lecture.
mailprov_refuse() {
    printf '%s r %s %s\n' "$mailprov_nonce" "$1" "$(printf %s "$2" | tail -n 1)"
    exit 77
}

# With the password on a pipe of its own, so that a wrong one is tried once and nothing that follows it on
# standard input is ever taken for a password. Only a password that was proven right is used for the shell: sudo
# reads up to the end of its line, and when it does not ask, the loader skips it.
mailprov_with_password() {
    if ! mailprov_text=$(printf '%s\n' "$mailprov_password" | sudo -k -S -p '' true 2>&1); then
        mailprov_refuse wrong "$mailprov_text"
    fi
    [ -z "$1" ] || printf '%s h root\n' "$mailprov_nonce"
    { printf '%s\n' "$mailprov_password"; unset mailprov_password; exec cat; } |
        sudo -k -S -p '' sh -c "$mailprov_loader" sh "$mailprov_nonce" "${SSH_CONNECTION-}"
    exit
}

IFS= read -r mailprov_line
if [ "$(id -u)" = 0 ]; then
    [ "$mailprov_line" != ask ] || printf '%s h root\n' "$mailprov_nonce"
    exec sh -c "$mailprov_loader" sh "$mailprov_nonce" "${SSH_CONNECTION-}"
fi
PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
command -v sudo >/dev/null || mailprov_refuse missing ''
if mailprov_text=$(sudo -n true 2>&1); then
    unset mailprov_password
    [ "$mailprov_line" != ask ] || printf '%s h root\n' "$mailprov_nonce"
    exec sudo -n sh -c "$mailprov_loader" sh "$mailprov_nonce" "${SSH_CONNECTION-}"
fi
case $mailprov_line in
    'password '*)
        mailprov_password=${mailprov_line#password }
        unset mailprov_line
        mailprov_with_password ''
        ;;
    ask)
        case $mailprov_text in
            *password* | *authentication*) ;;
            *) mailprov_refuse sudo "$mailprov_text" ;;
        esac
        printf '%s h password\n' "$mailprov_nonce"
        IFS= read -r mailprov_line
        mailprov_password=${mailprov_line#password }
        unset mailprov_line
        mailprov_with_password ask
        ;;
    *) mailprov_refuse password "$mailprov_text" ;;
esac
