//! The new image's config: the old one, with what this container was asked to run, one more layer, and a line of history.
//!
//! It is edited as JSON, so that what we have no name for (a health check, what another tool has put there) stays.

use super::{CommitError, Request};
use crate::image::{Digest, ImageError, time};
use crate::stages::create::Container;
use oci_spec::runtime::Spec;
use serde_json::{Map, Value, json};

/// What `create` adds to every environment (`stages::create`), and no image has asked for.
const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What Docker calls the container's Config: the image's, where nothing else was typed.
pub(super) fn of_container(image: &Value, container: &Container, spec: &Spec) -> Map<String, Value> {
    let mut config = image["config"].as_object().cloned().unwrap_or_default();
    let process = spec.process().clone().unwrap_or_default();
    let of_image = strings(&config, "Env");
    let ours = [PATH.to_owned(), format!("HOSTNAME={}", container.hostname), "TERM=xterm".to_owned()];
    let mut env = process.env().clone().unwrap_or_default();
    env.retain(|one| of_image.contains(one) || !ours.contains(one));
    set(&mut config, "Env", json!(env));
    let entry = match &container.program.entrypoint {
        Some(entry) if entry.is_empty() => Vec::new(),
        Some(entry) => vec![entry.clone()],
        None => strings(&config, "Entrypoint"),
    };
    let command = container.command.get(entry.len()..).unwrap_or_default();
    set(&mut config, "Entrypoint", json!(entry));
    set(&mut config, "Cmd", json!(command));
    set(&mut config, "User", json!(container.program.user.clone().unwrap_or_default()));
    let cwd = process.cwd().to_string_lossy().into_owned();
    if cwd != "/" || config.contains_key("WorkingDir") {
        set(&mut config, "WorkingDir", json!(cwd));
    }
    if let Some(signal) = container.program.stop_signal {
        // A number, if the image did not say it in this way.
        if !config.contains_key("StopSignal") || of_signal(&config) != Some(signal.number()) {
            set(&mut config, "StopSignal", json!(signal.number().to_string()));
        }
    }
    let exposed = container.wish.exposed.iter().map(|port| (port.to_string(), json!({})));
    set(&mut config, "ExposedPorts", Value::Object(exposed.collect()));
    config
}

fn of_signal(config: &Map<String, Value>) -> Option<i32> {
    let text = config.get("StopSignal")?.as_str()?;
    text.parse::<crate::stages::exit::Signal>().ok().map(crate::stages::exit::Signal::number)
}

/// A list of texts in a config.
pub(super) fn strings(config: &Map<String, Value>, key: &str) -> Vec<String> {
    let list = config.get(key).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Sets a key; what is empty is left out, as in images.
pub(super) fn set(config: &mut Map<String, Value>, key: &str, value: Value) {
    let is_empty = match &value {
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::String(text) => text.is_empty(),
        _ => false,
    };
    if is_empty {
        config.remove(key);
    } else {
        config.insert(key.to_owned(), value);
    }
}

/// The line of history: what ran, who made an image of it, and why.
pub(super) fn step(request: &Request, ran: &str, is_empty: bool) -> Map<String, Value> {
    let mut step = Map::new();
    set(&mut step, "created", json!(time::rfc3339(std::time::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs()))));
    set(&mut step, "created_by", json!(ran));
    set(&mut step, "author", json!(request.author.clone().unwrap_or_default()));
    set(&mut step, "comment", json!(request.message.clone().unwrap_or_default()));
    if is_empty {
        step.insert("empty_layer".to_owned(), json!(true));
    }
    step
}

/// The whole document of the new image (image-spec, config.md; moby image/image.go, `NewChildImage`).
pub(super) fn child(
    mut whole: Value,
    config: Map<String, Value>,
    step: Map<String, Value>,
    diff_id: Option<&Digest>,
) -> Result<Value, CommitError> {
    let wrong = || ImageError::Inconsistent { what: "the image below".into(), why: "its config is no object".into() };
    let all = whole.as_object_mut().ok_or_else(wrong)?;
    // What Docker writes of the one build that made the image below, and who made that.
    for key in ["container", "container_config", "docker_version", "id", "parent", "author"] {
        all.remove(key);
    }
    all.extend(["created", "author"].into_iter().filter_map(|key| Some((key.to_owned(), step.get(key)?.clone()))));
    all.insert("config".to_owned(), Value::Object(config));
    let history = all.entry("history").or_insert_with(|| json!([]));
    history.as_array_mut().ok_or_else(wrong)?.push(Value::Object(step));
    if let Some(diff_id) = diff_id {
        let diff_ids = all.get_mut("rootfs").and_then(|rootfs| rootfs.get_mut("diff_ids"));
        diff_ids.and_then(Value::as_array_mut).ok_or_else(wrong)?.push(json!(diff_id.to_string()));
    }
    Ok(whole)
}
