//! An image, as `docker image inspect` shows it.

use crate::image::{self, Image, layers};
use crate::state::Roots;
use serde_json::{Value, json};

pub(super) fn facts(roots: &Roots, found: &Image) -> anyhow::Result<Value> {
    let all = image::list(roots).map_err(crate::cli::explained)?;
    let named: Vec<_> = all.iter().filter(|one| one.id == found.id).collect();
    let tags: Vec<String> =
        named.iter().filter(|one| one.tag != "<none>").map(|one| format!("{}:{}", one.repository, one.tag)).collect();
    let repository = named.first().map(|one| one.repository.clone()).unwrap_or_default();
    let digests: Vec<String> = found.pulled_digest.iter().map(|digest| format!("{repository}@{digest}")).collect();
    let diff_ids: Vec<String> = found.layers.iter().map(|layer| layer.diff_id.to_string()).collect();
    let mut folders = layers::lowers(&found.layers).into_iter().map(|folder| folder.display().to_string());
    let top = folders.next();
    let last = found.config.history().as_ref().and_then(|steps| steps.last()?.comment().clone());
    Ok(json!({
        "Id": found.id,
        "RepoTags": tags,
        "RepoDigests": digests,
        "Parent": "",
        "Comment": last.unwrap_or_default(),
        "Created": found.config.created(),
        "Author": found.config.author().clone().unwrap_or_default(),
        "Config": found.config.config(),
        "Architecture": found.config.architecture().to_string(),
        "Os": found.config.os().to_string(),
        "Size": named.first().map_or(0, |one| one.size),
        "GraphDriver": {
            "Name": "overlay2",
            "Data": { "LowerDir": folders.collect::<Vec<_>>().join(":"), "UpperDir": top },
        },
        "RootFS": { "Type": "layers", "Layers": diff_ids },
    }))
}
