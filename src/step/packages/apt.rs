//! Debian's package manager: the order of the calls. The functions are in `apt.sh` and `apt-ours.sh`.

use crate::host::script::Script;
use crate::step::PackageRequest;

pub fn transaction(request: &PackageRequest) -> Script {
    let mut script = Script::new().code("mailprov_apt_begin\n");
    if !request.debconf.is_empty() {
        let mut lines = request.debconf.join("\n");
        lines.push('\n');
        script = script
            .data(lines.as_bytes())
            .code(" | mailprov_apt_debconf || exit 1\n");
    }
    if !request.unhold.is_empty() {
        script = script
            .code("mailprov_apt_mark unhold")
            .words(&request.unhold)
            .code("\n");
    }
    if !request.install.is_empty() || !request.remove.is_empty() {
        script = script
            .code("mailprov_apt_transaction")
            .words(&request.remove)
            .words(&request.replaces)
            .word("--")
            .words(&request.install)
            .words(request.remove.iter().map(|name| format!("{name}-")))
            .code("\n");
    }
    if !request.take_back.is_empty() {
        script = script
            .code("mailprov_apt_take_back")
            .words(&request.keep)
            .word("--")
            .words(&request.take_back)
            .code("\n");
    }
    if !request.hold.is_empty() {
        script = script
            .code("mailprov_apt_mark hold")
            .words(&request.hold)
            .code("\n");
    }
    script.code("mailprov_apt_end\n")
}
