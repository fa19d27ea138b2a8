//! A name server on the host, which knows the domains of this test and asks the network's own for all others.

use crate::support::TestHost;

const SERVER: &str = "\
listen-address=127.0.0.1
bind-interfaces
user=root
no-hosts
resolv-file=/etc/resolv.conf.network
local=/example/
local=/example.org/
local=/example.net/
";

const ZONE: &str = "\
host-record=fine.example,@CLIENT@
txt-record=fine.example,v=spf1 a -all
host-record=forged.example,192.0.2.7
txt-record=forged.example,v=spf1 -all
host-record=strict.example,192.0.2.7
txt-record=_dmarc.strict.example,v=DMARC1; p=reject
conf-file=/etc/dns-keys.conf
";

/// Before the server is made: programs that keep a copy of resolv.conf take this one.
pub fn serve(host: &TestHost) {
    // The address of the lab's bridge, which the test itself calls from.
    let [a, b, c, _] = host.address().octets();
    answer(host, &ZONE.replace("@CLIENT@", &format!("{a}.{b}.{c}.1")));
}

/// The same with other records, in dnsmasq's words.
pub fn answer(host: &TestHost, zone: &str) {
    host.sh(&format!(
        "apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get install -qqy --no-install-recommends dnsmasq-base >/dev/null
         cp /etc/resolv.conf /etc/resolv.conf.network && : >/etc/dns-keys.conf
         printf %s '{SERVER}{zone}' >/etc/dns.conf && echo nameserver 127.0.0.1 >/etc/resolv.conf.new
         systemd-run --quiet --unit=dns dnsmasq -k -C /etc/dns.conf && cat /etc/resolv.conf.new >/etc/resolv.conf"
    ));
}

/// The record that was made beside the key of `domain`.
pub fn publish(host: &TestHost, domain: &str) {
    host.sh(&format!(
        "record=$(grep -o '\"[^\"]*\"' /etc/dkimkeys/{domain}/mail.txt | paste -sd, -)
         echo \"txt-record=mail._domainkey.{domain},$record\" >>/etc/dns-keys.conf
         systemctl stop dns; systemd-run --quiet --unit=dns dnsmasq -k -C /etc/dns.conf"
    ));
}
