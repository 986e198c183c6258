//! A registry that says what it is told to say.

use crate::forge::Forge;
use crate::forge::gzip;
use crate::support::Learner;
use explore::image::Digest;
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// One answer: everything after the request line is ours to lie about.
#[derive(Clone, Default)]
pub(crate) struct Answer {
    pub(crate) status: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// What Content-Length says; the truth where it is `None`.
    pub(crate) length: Option<usize>,
    /// Says nothing more, and does not hang up.
    pub(crate) stalls: bool,
    /// Ends after so many bytes of body, however many there are.
    pub(crate) breaks_after: Option<usize>,
    /// Gives the rest alone to one who asks for it.
    pub(crate) knows_ranges: bool,
}

impl Answer {
    pub(crate) fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self { status: "200 OK".to_owned(), body: body.into(), knows_ranges: true, ..Self::default() }
    }

    pub(crate) fn status(status: &str) -> Self {
        Self { status: status.to_owned(), ..Self::default() }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// A small honest image, to be made dishonest.
#[derive(Clone)]
pub(crate) struct Pages {
    pub(crate) answers: HashMap<String, Answer>,
    pub(crate) layer: Digest,
    pub(crate) config: Digest,
}

impl Pages {
    pub(crate) fn honest() -> Self {
        let tar = Forge::default().folder("etc").file("etc/motd", "hello").end();
        Self::of(&gzip(&tar), &Digest::of(&tar))
    }

    /// An image of one layer.
    pub(crate) fn of(layer: &[u8], diff_id: &Digest) -> Self {
        let config = serde_json::json!({
            "architecture": oci_spec::image::Arch::default(), "os": "linux",
            "rootfs": { "type": "layers", "diff_ids": [diff_id.to_string()] },
        });
        let config = config.to_string().into_bytes();
        let (layer_digest, config_digest) = (Digest::of(layer), Digest::of(&config));
        let manifest = serde_json::json!({
            "schemaVersion": 2, "mediaType": MANIFEST,
            "config": descriptor("application/vnd.oci.image.config.v1+json", &config_digest, config.len()),
            "layers": [descriptor("application/vnd.oci.image.layer.v1.tar+gzip", &layer_digest, layer.len())],
        });
        let mut pages = Self { answers: HashMap::new(), layer: layer_digest, config: config_digest };
        pages.set("manifests/latest", Answer::ok(manifest.to_string()).header("Content-Type", MANIFEST));
        pages.set(&format!("blobs/{}", pages.layer), Answer::ok(layer));
        pages.set(&format!("blobs/{}", pages.config), Answer::ok(config));
        pages
    }

    pub(crate) fn set(&mut self, path: &str, answer: Answer) {
        self.answers.insert(format!("/v2/x/{path}"), answer);
    }

    pub(crate) fn layer_page(&mut self) -> &mut Answer {
        self.answers.get_mut(&format!("/v2/x/blobs/{}", self.layer)).unwrap()
    }

    pub(crate) fn manifest_page(&mut self) -> &mut Answer {
        self.answers.get_mut("/v2/x/manifests/latest").unwrap()
    }
}

pub(crate) fn descriptor(media_type: &str, digest: &Digest, size: usize) -> serde_json::Value {
    serde_json::json!({ "mediaType": media_type, "digest": digest.to_string(), "size": size })
}

/// It runs on the learner's machine until the tests end.
pub(crate) struct Registry {
    pub(crate) port: u16,
    /// Request lines and Authorization headers, as they came.
    pub(crate) heard: Arc<Mutex<Vec<String>>>,
}

impl Registry {
    pub(crate) fn start(learner: &Learner, pages: Pages) -> Self {
        learner.program("ip", ["link", "set", "lo", "up"]).run();
        let listener = learner.at_machine(|| TcpListener::bind("127.0.0.1:0").unwrap());
        let port = listener.local_addr().unwrap().port();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let told = heard.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (pages, told) = (pages.clone(), told.clone());
                std::thread::spawn(move || answer(&stream, &pages, &told, port));
            }
        });
        Self { port, heard }
    }

    pub(crate) fn image(&self) -> String {
        format!("127.0.0.1:{}/x", self.port)
    }
}

fn answer(stream: &TcpStream, pages: &Pages, heard: &Mutex<Vec<String>>, port: u16) {
    let lines: Vec<String> =
        BufReader::new(stream).lines().map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
    let Some(request) = lines.first() else { return };
    let authorization = lines.iter().find(|line| line.to_lowercase().starts_with("authorization:"));
    let range = lines.iter().find(|line| line.to_lowercase().starts_with("range:"));
    let told = [Some(request), authorization, range].into_iter().flatten().cloned().collect::<Vec<_>>();
    heard.lock().unwrap().push(told.join(" "));
    let path = request.split(' ').nth(1).unwrap_or_default();
    let key = if authorization.is_some() { format!("{path} with token") } else { path.to_owned() };
    let missing = Answer::status("404 Not Found");
    let answer = pages.answers.get(&key).or_else(|| pages.answers.get(path)).unwrap_or(&missing);
    let from = range.and_then(|range| range.split_once("bytes=")?.1.trim_end_matches('-').parse().ok());
    let from = from.filter(|_| answer.knows_ranges).unwrap_or(0);
    let body = &answer.body[from..];
    let length = answer.length.unwrap_or(body.len());
    let status = if from > 0 { "206 Partial Content" } else { &answer.status };
    let mut start = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n");
    if from > 0 {
        let all = answer.body.len();
        start.extend(["Content-Range: bytes ", &format!("{from}-{}/{all}\r\n", all - 1)]);
    }
    // One that does not know ranges breaks once only, or it would be asked for ever.
    let breaks =
        answer.breaks_after.filter(|_| answer.knows_ranges || range.is_none() || answer.breaks_after == Some(0));
    let body = &body[..breaks.unwrap_or(body.len()).min(body.len())];
    for (name, value) in &answer.headers {
        let value = value.replace("{port}", &port.to_string());
        start.extend([name, ": ", &value, "\r\n"]);
    }
    let mut to = stream;
    let _ = to.write_all((start + "\r\n").as_bytes()).and_then(|()| to.write_all(body));
    if answer.stalls {
        std::thread::sleep(Duration::from_secs(600));
    }
}
