//! Manifests, indexes and configurations, as a registry or an archive sends them.
#![no_main]

use explore::image::document::{Manifest, digest_of};
use libfuzzer_sys::fuzz_target;
use oci_spec::image::ImageConfiguration;

const MEDIA_TYPES: [&str; 6] = [
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v1+json",
    "text/html",
];

fuzz_target!(|bytes: &[u8]| {
    let Some((first, json)) = bytes.split_first() else { return };
    let _ = serde_json::from_slice::<ImageConfiguration>(json);
    match Manifest::parse("it", MEDIA_TYPES[usize::from(*first) % MEDIA_TYPES.len()], json) {
        Ok(Manifest::Index(index)) => index.manifests().iter().for_each(|one| _ = digest_of(one)),
        Ok(Manifest::One(manifest)) => {
            let layers = manifest.layers().iter().chain([manifest.config()]);
            layers.for_each(|one| _ = digest_of(one));
        }
        Err(_) => {}
    }
});
