# The shell's main loop. A password that sudo did not ask for is skipped up to the line that is $1; the next line is
# the nonce of all frames, which no argument shows to others on the host. A script whose end did not arrive is not run.
# An empty line is a sign of life: see mailprov_watch.
# $2 is sshd's word on the connection, which sudo would drop.
mailprov_ssh=${2-}
while IFS= read -r mailprov_line; do
    [ "$mailprov_line" != "$1" ] || break
done
IFS= read -r mailprov_nonce || exit 77
while IFS= read -r mailprov_line; do
    if [ -n "$mailprov_line" ]; then
        [ "$mailprov_lock_state" != held ] || mailprov_sign busy
        mailprov_script=$(head -c "$mailprov_line") || exit 77
        case $mailprov_script in
            *"#$mailprov_nonce") eval "$mailprov_script" ;;
            *) exit 77 ;;
        esac
    fi
    [ "$mailprov_lock_state" != held ] || mailprov_sign idle
done
exit 77
