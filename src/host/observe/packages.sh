# mailprov_packages NAME ...: `name|version|want|status|error flag` for each that the package manager has heard of.
mailprov_packages() {
  command -v dpkg-query >/dev/null 2>&1 || return 0
  dpkg-query -W \
    -f='${Package}|${Version}|${db:Status-Want}|${db:Status-Status}|${db:Status-Eflag}\n' -- "$@" 2>/dev/null
}
