# The shell's main loop; $1 is the nonce. A password that sudo did not ask for is skipped up to the nonce's line,
# and a script whose end did not arrive is not run.
mailprov_nonce=$1
while IFS= read -r mailprov_line; do
    [ "$mailprov_line" != "$mailprov_nonce" ] || break
done
while IFS= read -r mailprov_line; do
    mailprov_script=$(head -c "$mailprov_line") || exit 77
    case $mailprov_script in
        *"#$mailprov_nonce") eval "$mailprov_script" ;;
        *) exit 77 ;;
    esac
done
exit 77
