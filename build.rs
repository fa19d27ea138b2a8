//! The roles are embedded in the program: an edit of one must rebuild it.

fn main() {
    println!("cargo::rerun-if-changed=roles");
}
