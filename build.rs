//! What cargo does not see, and how the program is linked.

fn main() {
    // The lessons and the catalogs are built in; cargo does not see by itself when one is added (include_dir).
    for folder in ["lessons", "book/po", "book/recordings"] {
        println!("cargo:rerun-if-changed={folder}");
    }
    // At a fixed address. A position-independent program has 40,000 pointers that the loader corrects at each start,
    // on pages that are private from then on; a container starts it twice. Without that a run takes 8 % less processor
    // time (24.0 ms against 26.1, 60 rounds of each).
    if std::env::var("PROFILE").as_deref() == Ok("release") {
        println!("cargo:rustc-link-arg-bin=explore=-no-pie");
    }
}
