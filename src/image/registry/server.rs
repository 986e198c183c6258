//! A registry for one layout, read-only: what `explore pull demo` talks to.
//!
//! It answers `/v2/`, manifests by tag or digest, blobs by digest, and the list of tags, with GET and HEAD. Everything
//! else gets the error document of the specification. It listens where its caller lets it: on loopback only.

use super::DIGEST_HEADER;
use crate::image::digest::Digest;
use crate::image::layout::{Layout, name_of};
use oci_spec::image::Descriptor;
use std::fs::File;
use std::io::Cursor;
use std::net::TcpListener;
use tiny_http::{Header, Method, Request, Response, ResponseBox, Server, StatusCode};

/// One request, and what it was answered with.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Answered {
    /// `GET`, `HEAD`.
    pub method: String,
    /// What was asked for, from `/v2/` on.
    pub path: String,
    /// The HTTP status.
    pub status: u16,
    /// Length of what was sent, where it is known before.
    pub bytes: Option<usize>,
}

/// Answers requests until the process ends; `told` hears of each before its answer is sent.
///
/// # Errors
/// That of a listener that cannot be used, and those of `told`.
pub fn serve(
    listener: TcpListener,
    layout: &Layout,
    told: &mut dyn FnMut(&Answered) -> std::io::Result<()>,
) -> std::io::Result<()> {
    let server = Server::from_listener(listener, None).map_err(std::io::Error::other)?;
    for request in server.incoming_requests() {
        let answer = answer(&request, layout);
        told(&Answered {
            method: request.method().to_string(),
            path: request.url().to_owned(),
            status: answer.status_code().0,
            bytes: answer.data_length(),
        })?;
        // Whoever asked may be gone by now; that is no concern of the next one.
        let _ = request.respond(answer);
    }
    Ok(())
}

/// What a path asks for.
#[derive(Debug, PartialEq, Eq)]
enum Asked<'a> {
    Version,
    Manifest { repository: &'a str, reference: &'a str },
    Blob { digest: &'a str },
    Tags { repository: &'a str },
    Nothing,
}

fn asked(url: &str) -> Asked<'_> {
    let path = url.split('?').next().unwrap_or(url);
    let Some(rest) = path.strip_prefix("/v2/") else {
        return if path == "/v2" { Asked::Version } else { Asked::Nothing };
    };
    // A repository's name has slashes too: what is asked for is said at the end.
    let parts: Vec<&str> = rest.rsplitn(3, '/').collect();
    match parts[..] {
        [""] => Asked::Version,
        [reference, "manifests", repository] => Asked::Manifest { repository, reference },
        [digest, "blobs", _] => Asked::Blob { digest },
        ["list", "tags", repository] => Asked::Tags { repository },
        _ => Asked::Nothing,
    }
}

fn answer(request: &Request, layout: &Layout) -> ResponseBox {
    if !matches!(request.method(), Method::Get | Method::Head) {
        return refuse(405, "UNSUPPORTED", "this registry is read-only");
    }
    match asked(request.url()) {
        Asked::Version => small(b"{}".to_vec(), "application/json", &[]),
        Asked::Manifest { repository, reference } => manifest(layout, repository, reference),
        Asked::Blob { digest } => blob(layout, digest),
        Asked::Tags { repository } => tags(layout, repository),
        Asked::Nothing => refuse(404, "UNSUPPORTED", "no such path in the distribution protocol"),
    }
}

fn manifest(layout: &Layout, repository: &str, reference: &str) -> ResponseBox {
    let unknown = || refuse(404, "MANIFEST_UNKNOWN", "no such manifest here");
    let Ok(index) = layout.index() else { return refuse(500, "UNKNOWN", "the index cannot be read") };
    let name = format!("{repository}:{reference}");
    let fits = |one: &&Descriptor| name_of(one) == Some(&name) || one.digest().as_ref() == reference;
    let Some(found) = index.manifests().iter().find(fits) else { return unknown() };
    let Ok(digest) = Digest::parse(found.digest().as_ref()) else { return unknown() };
    let Ok(bytes) = std::fs::read(layout.blob_path(&digest)) else { return unknown() };
    small(bytes, found.media_type().as_ref(), &[(DIGEST_HEADER, &digest.to_string())])
}

fn blob(layout: &Layout, digest: &str) -> ResponseBox {
    let Ok(digest) = Digest::parse(digest) else { return refuse(400, "DIGEST_INVALID", "not a sha256 digest") };
    let Ok(file) = File::open(layout.blob_path(&digest)) else {
        return refuse(404, "BLOB_UNKNOWN", "no such blob here");
    };
    let length = file.metadata().ok().and_then(|found| usize::try_from(found.len()).ok());
    let headers = headers("application/octet-stream", &[(DIGEST_HEADER, &digest.to_string())]);
    // Above any size: the length is known, so nothing is sent in chunks.
    Response::new(StatusCode(200), headers, file, length, None).with_chunked_threshold(usize::MAX).boxed()
}

fn tags(layout: &Layout, repository: &str) -> ResponseBox {
    let Ok(index) = layout.index() else { return refuse(500, "UNKNOWN", "the index cannot be read") };
    let names = index.manifests().iter().filter_map(name_of).filter_map(|name| name.split_once(':'));
    let tags: Vec<&str> = names.filter(|(of, _)| *of == repository).map(|(_, tag)| tag).collect();
    if tags.is_empty() {
        return refuse(404, "NAME_UNKNOWN", "no such repository here");
    }
    small(serde_json::json!({ "name": repository, "tags": tags }).to_string().into_bytes(), "application/json", &[])
}

fn small(bytes: Vec<u8>, media_type: &str, more: &[(&str, &str)]) -> ResponseBox {
    let length = Some(bytes.len());
    Response::new(StatusCode(200), headers(media_type, more), Cursor::new(bytes), length, None)
        .with_chunked_threshold(usize::MAX)
        .boxed()
}

/// distribution-spec, "Error Codes".
fn refuse(status: u16, code: &str, message: &str) -> ResponseBox {
    let body = serde_json::json!({ "errors": [{ "code": code, "message": message }] }).to_string();
    Response::from_string(body).with_status_code(status).boxed()
}

fn headers(media_type: &str, more: &[(&str, &str)]) -> Vec<Header> {
    let fixed = [("Content-Type", media_type), ("Docker-Distribution-Api-Version", "registry/2.0")];
    let all = fixed.iter().chain(more);
    all.filter_map(|(name, value)| Header::from_bytes(name.as_bytes(), value.as_bytes()).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_name_may_have_slashes() {
        let table = [
            ("/v2/", Asked::Version),
            ("/v2", Asked::Version),
            ("/v2/demo/manifests/latest", Asked::Manifest { repository: "demo", reference: "latest" }),
            ("/v2/a/b/c/manifests/1?x=y", Asked::Manifest { repository: "a/b/c", reference: "1" }),
            ("/v2/a/b/blobs/sha256:0", Asked::Blob { digest: "sha256:0" }),
            ("/v2/a/tags/list", Asked::Tags { repository: "a" }),
            ("/v2/demo", Asked::Nothing),
            ("/etc/passwd", Asked::Nothing),
        ];
        for (url, expected) in table {
            assert_eq!(asked(url), expected, "{url}");
        }
    }
}
