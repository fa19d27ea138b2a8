//! Whose a file was before, noted and taken back: with the functions of `gone.sh`.

use super::*;

#[test]
fn what_a_person_had_is_kept_and_what_was_made_is_noted_with_every_content() {
    let place = Place::new();
    place.write("etc/theirs", "theirs");
    // The last line of a file need not end.
    place.write("etc/marked", "# Managed by mailprov.");
    for content in ["one", "two"] {
        let set = ["etc/theirs", "etc/marked", "etc/new"].map(|name| place.file(name, content));
        place.run(&script(&set, None, &[], content));
    }
    let sums = |contents: &[&str]| -> String {
        let lines = contents.iter().map(|one| format!("{:x}\n", Sha256::digest(one)));
        lines.collect()
    };
    for name in ["etc/marked", "etc/new"] {
        assert_eq!(place.read(&place.noted(name)), sums(&["one", "two"]));
        let before = format!("state/before/files{}", place.at(name));
        assert!(!Path::new(&place.at(&before)).exists(), "{name}");
    }
    assert!(!Path::new(&place.at(&place.noted("etc/theirs"))).exists());
    let back = |name: &str| {
        Script::new()
            .code("mailprov_run=back; mailprov_take_back")
            .word(&place.at(name))
    };
    for name in ["etc/theirs", "etc/marked", "etc/new"] {
        assert_eq!(place.run(&back(name)).status.code(), Some(0));
        assert!(!Path::new(&place.at(&place.noted(name))).exists());
    }
    assert_eq!(place.read("etc/theirs"), "theirs");
    assert!(!Path::new(&place.at("etc/new")).exists());
    assert!(!Path::new(&place.at(&format!("state/before/files{}", place.at("etc/theirs")))).exists());
}
