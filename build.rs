//! What cargo does not see, and how the program is linked.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // The lessons and the catalogs are built in; cargo does not see by itself when one is added (include_dir).
    for folder in ["lessons", "book/po", "book/recordings"] {
        println!("cargo:rerun-if-changed={folder}");
    }
    carry_the_book()?;
    carry_the_vagrantfile()?;
    pack("catalog-zh-CN.po.zst", &std::fs::read("book/po/zh-CN.po")?)?;
    pack("recordings.tar.zst", &recordings()?)?;
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

/// `explore kit` hands it out. Sources without one carry an empty one, which is none.
fn carry_the_vagrantfile() -> Result<(), Box<dyn std::error::Error>> {
    let text = std::fs::read("Vagrantfile").unwrap_or_default();
    if !text.is_empty() {
        // A path that is not there would make every build begin anew.
        println!("cargo:rerun-if-changed=Vagrantfile");
    }
    Ok(std::fs::write(std::path::Path::new(&std::env::var("OUT_DIR")?).join("Vagrantfile"), text)?)
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

/// Every recording, in one archive: they have so much in common that a twentieth is left of them.
fn recordings() -> std::io::Result<Vec<u8>> {
    let mut archive = tar::Builder::new(Vec::new());
    // The same files give the same program, whoever unpacked them and when.
    archive.mode(tar::HeaderMode::Deterministic);
    let root = std::path::Path::new("book/recordings");
    for folder in sorted(root)?.iter().filter(|path| path.is_dir()) {
        for file in sorted(folder)? {
            archive.append_path_with_name(&file, file.strip_prefix(root).unwrap_or(&file))?;
        }
    }
    archive.into_inner()
}

fn sorted(folder: &std::path::Path) -> std::io::Result<Vec<std::path::PathBuf>> {
    let mut paths = folder.read_dir()?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

/// What few runs of the program look at is in it compressed: two of its sixteen megabytes.
fn pack(name: &str, content: &[u8]) -> Result<(), Box<dyn std::error::Error>> {
    // The last tenth takes a second, which is for what is handed out.
    let level = if std::env::var("PROFILE").as_deref() == Ok("release") { 19 } else { 3 };
    let packed = zstd::encode_all(content, level)?;
    Ok(std::fs::write(std::path::Path::new(&std::env::var("OUT_DIR")?).join(name), packed)?)
}
