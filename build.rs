//! The lessons and the catalogs are built in; cargo does not see by itself when one is added (include_dir).

fn main() {
    for folder in ["lessons", "book/po", "book/recordings"] {
        println!("cargo:rerun-if-changed={folder}");
    }
}
