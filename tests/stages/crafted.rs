//! Images that nobody would publish: the demo image, and one more layer that was written by hand.

use crate::support::Learner;
use explore::image::Digest;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{Cursor, Read};

/// Loads `name`, with its tag: the learner's demo image with this layer on top; `change` edits its configuration.
pub(crate) fn image(learner: &Learner, name: &str, layer: Vec<u8>, change: impl FnOnce(&mut Value)) {
    image_of(learner, name, vec![layer], change);
}

/// The same with several layers, the lowest first.
pub(crate) fn image_of(learner: &Learner, name: &str, more: Vec<Vec<u8>>, change: impl FnOnce(&mut Value)) {
    let saved = learner.work().join("demo.tar");
    learner.explore(["save", "-o", saved.to_str().unwrap(), "demo"]).run().status(0);
    let files = read_tar(&std::fs::read(&saved).unwrap());
    std::fs::remove_file(saved).unwrap();
    let blob = |descriptor: &Value| files[&descriptor["digest"].as_str().unwrap().replace(':', "/")].clone();
    let index: Value = serde_json::from_slice(&files["index.json"]).unwrap();
    let manifest: Value = serde_json::from_slice(&blob(&index["manifests"][0])).unwrap();
    let mut config: Value = serde_json::from_slice(&blob(&manifest["config"])).unwrap();
    let diff_ids = more.iter().map(|layer| json!(Digest::of(layer).to_string()));
    config["rootfs"]["diff_ids"].as_array_mut().unwrap().extend(diff_ids);
    config.as_object_mut().unwrap().remove("history");
    change(&mut config);

    let mut layers: Vec<Vec<u8>> = manifest["layers"].as_array().unwrap().iter().map(blob).collect();
    layers.extend(more);
    let names: Vec<String> = (0..layers.len()).map(|number| format!("{number}.tar")).collect();
    let described = json!([{ "Config": "config.json", "RepoTags": [name], "Layers": names }]);
    let mut archive = tar::Builder::new(Vec::new());
    let documents = [("config.json", config.to_string()), ("manifest.json", described.to_string())];
    let documents = documents.map(|(name, text)| (name.to_owned(), text.into_bytes()));
    for (name, bytes) in documents.into_iter().chain(names.into_iter().zip(layers)) {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, name, bytes.as_slice()).unwrap();
    }
    let loaded = learner.explore(["load", "-q"]).stdin(archive.into_inner().unwrap()).run().status(0);
    loaded.stdout(&format!("{name}\n"));
}

/// `sha256/<digest>` and `index.json`: their bytes.
fn read_tar(bytes: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut archive = tar::Archive::new(Cursor::new(bytes));
    let read = |mut entry: tar::Entry<'_, Cursor<&[u8]>>| {
        let name = entry.path().unwrap().to_string_lossy().trim_start_matches("blobs/").to_owned();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        (name, content)
    };
    archive.entries().unwrap().map(|entry| read(entry.unwrap())).collect()
}
