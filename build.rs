//! What cargo does not see, and how the program is linked.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // The lessons and the catalogs are built in; cargo does not see by itself when one is added (include_dir).
    for folder in ["lessons", "book/po", "book/recordings"] {
        println!("cargo:rerun-if-changed={folder}");
    }
    carry_the_book()?;
    // At a fixed address. A position-independent program has 40,000 pointers that the loader corrects at each start,
    // on pages that are private from then on; a container starts it twice. Without that a run takes 8 % less processor
    // time (24.0 ms against 26.1, 60 rounds of each).
    // A static one (`-C target-feature=+crt-static`, .ci/release) has no loader, and with this flag it would ask for one.
    let features = std::env::var("CARGO_CFG_TARGET_FEATURE").unwrap_or_default();
    let is_static = features.split(',').any(|one| one == "crt-static");
    if std::env::var("PROFILE").as_deref() == Ok("release") && !is_static {
        println!("cargo:rustc-link-arg-bin=explore=-no-pie");
    }
    Ok(())
}

/// A release has the built book inside: `EXPLORE_BOOK` names the archive. Other builds carry an empty one.
fn carry_the_book() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-env-changed=EXPLORE_BOOK");
    let bytes = match std::env::var("EXPLORE_BOOK") {
        Ok(path) if !path.is_empty() => {
            println!("cargo:rerun-if-changed={path}");
            std::fs::read(&path).map_err(|error| format!("EXPLORE_BOOK={path}: {error}"))?
        }
        _ => Vec::new(),
    };
    Ok(std::fs::write(std::path::Path::new(&std::env::var("OUT_DIR")?).join("book.tar.zst"), bytes)?)
}
