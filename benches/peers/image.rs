//! An image of seven layers to be pulled: random and repeated text, in files of some kilobytes, as real ones have.

use crate::support::Random;
use explore::image::Digest;
use serde_json::json;
use std::path::Path;

const LAYERS: u64 = 7;
/// Of each file; a third of it cannot be compressed.
const FILE: usize = 40 << 10;

/// Writes it as an OCI image layout, tagged `big`; `megabytes` is what it has unpacked.
pub(crate) fn write(folder: &Path, megabytes: u64) {
    let blobs = folder.join("blobs/sha256");
    std::fs::create_dir_all(&blobs).unwrap();
    let put = |bytes: &[u8]| {
        let digest = Digest::of(bytes);
        std::fs::write(blobs.join(digest.to_string().trim_start_matches("sha256:")), bytes).unwrap();
        (digest.to_string(), bytes.len())
    };
    let files = (megabytes << 20) / LAYERS / FILE as u64;
    let layers: Vec<_> = (0..LAYERS)
        .map(|layer| {
            let tar = layer_of(layer, files);
            let diff_id = Digest::of(&tar).to_string();
            (diff_id, put(&gzip(&tar)))
        })
        .collect();
    let diff_ids: Vec<_> = layers.iter().map(|(diff_id, _)| diff_id).collect();
    let config = json!({ "architecture": oci_spec::image::Arch::default(), "os": "linux",
                         "rootfs": { "type": "layers", "diff_ids": diff_ids } });
    let descriptor = |kind: &str, (digest, size): &(String, usize)| json!({ "mediaType": format!("application/vnd.oci.image.{kind}"), "digest": digest, "size": size });
    let config = put(config.to_string().as_bytes());
    let layers: Vec<_> = layers.iter().map(|(_, blob)| descriptor("layer.v1.tar+gzip", blob)).collect();
    let manifest = json!({ "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
                           "config": descriptor("config.v1+json", &config), "layers": layers });
    let mut entry = descriptor("manifest.v1+json", &put(manifest.to_string().as_bytes()));
    entry["annotations"] = json!({ "org.opencontainers.image.ref.name": "big" });
    std::fs::write(folder.join("index.json"), json!({ "schemaVersion": 2, "manifests": [entry] }).to_string()).unwrap();
    std::fs::write(folder.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
}

fn layer_of(layer: u64, files: u64) -> Vec<u8> {
    let mut random = Random::seeded();
    let mut archive = tar::Builder::new(Vec::new());
    for number in 0..files {
        let mut content = Vec::with_capacity(FILE);
        while content.len() < FILE / 3 {
            content.extend_from_slice(&random.below(u32::MAX).to_le_bytes());
        }
        let line = format!("line of file {number} of layer {layer}, which says again what it has said\n");
        while content.len() < FILE {
            content.extend_from_slice(line.as_bytes());
        }
        content.truncate(FILE);
        let mut header = tar::Header::new_gnu();
        header.set_size(FILE as u64);
        header.set_mode(0o644);
        header.set_cksum();
        let name = format!("layer-{layer}/{}/{number}", number % 64);
        archive.append_data(&mut header, name, content.as_slice()).unwrap();
    }
    archive.into_inner().unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut packed, bytes).unwrap();
    packed.finish().unwrap()
}
