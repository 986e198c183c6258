//! The book inside the program: a release carries it built, in every language, for machines without Internet.
//!
//! A folder for each language (`en`, `zh-CN`), and `leaflet` with a page to print in each of them, packed by `.ci/release`
//! as `tar --zstd`. A build without `EXPLORE_BOOK` carries none, and compiles no slower for it.

use std::collections::BTreeMap;
use std::io::Read;
use std::net::TcpListener;
use std::path::Path;
use tiny_http::{Header, Method, Request, Response, ResponseBox, Server};

/// What is not there, or cannot be given.
#[derive(Debug, thiserror::Error)]
pub enum CarriedError {
    /// Built from the sources, without it.
    #[error("this build of explore carries no book")]
    None,
    /// The folder that is to be written holds something.
    #[error("{0} is there already, and is not empty")]
    Taken(String),
    /// What is carried cannot be read: the program is damaged.
    #[error("cannot read the book that this program carries")]
    Damaged(#[source] std::io::Error),
    /// It cannot be written there.
    #[error("cannot write {path}")]
    Write {
        /// Which file or folder.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

impl crate::error::Explain for CarriedError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::None => Some("releases carry it; in the sources `mdbook build book` makes it in book/book".into()),
            Self::Taken(_) => Some("name a folder that is new".into()),
            _ => None,
        }
    }
}

/// Files by path: `en/index.html`.
#[derive(Debug, PartialEq, Eq)]
pub struct Pages(BTreeMap<String, Vec<u8>>);

impl Pages {
    /// What this build carries.
    ///
    /// # Errors
    /// [`CarriedError::None`] for most builds, [`CarriedError::Damaged`].
    pub fn carried() -> Result<Self, CarriedError> {
        Self::unpack(include_bytes!(concat!(env!("OUT_DIR"), "/book.tar.zst")))
    }

    fn unpack(packed: &[u8]) -> Result<Self, CarriedError> {
        if packed.is_empty() {
            return Err(CarriedError::None);
        }
        let read = || -> std::io::Result<BTreeMap<String, Vec<u8>>> {
            let mut archive = tar::Archive::new(zstd::Decoder::new(packed)?);
            let mut pages = BTreeMap::new();
            for entry in archive.entries()? {
                let mut entry = entry?;
                if entry.header().entry_type().is_file() {
                    let path = entry.path()?.to_string_lossy().trim_start_matches("./").to_owned();
                    let mut content = Vec::new();
                    entry.read_to_end(&mut content)?;
                    pages.insert(path, content);
                }
            }
            Ok(pages)
        };
        read().map(Self).map_err(CarriedError::Damaged)
    }

    /// Writes all of it into a folder that is new or empty, and says how many files that were.
    ///
    /// # Errors
    /// [`CarriedError::Taken`], [`CarriedError::Write`].
    pub fn write(&self, folder: &Path) -> Result<usize, CarriedError> {
        if folder.read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
            return Err(CarriedError::Taken(folder.display().to_string()));
        }
        for (path, content) in &self.0 {
            let path = folder.join(path);
            let failed = |source| CarriedError::Write { path: path.display().to_string(), source };
            std::fs::create_dir_all(path.parent().unwrap_or(folder)).map_err(failed)?;
            std::fs::write(&path, content).map_err(failed)?;
        }
        Ok(self.0.len())
    }

    /// Answers browsers until the process ends. `/` leads to the book in `language`.
    ///
    /// # Errors
    /// That of a listener that cannot be used.
    pub fn serve(&self, listener: TcpListener, language: &str) -> std::io::Result<()> {
        let server = Server::from_listener(listener, None).map_err(std::io::Error::other)?;
        for request in server.incoming_requests() {
            let answer = self.answer(&request, language);
            // Whoever asked may be gone by now; that is no concern of the next one.
            let _ = request.respond(answer);
        }
        Ok(())
    }

    fn answer(&self, request: &Request, language: &str) -> ResponseBox {
        let path = request.url().split(['?', '#']).next().unwrap_or_default().trim_start_matches('/');
        if !matches!(request.method(), Method::Get | Method::Head) {
            return Response::from_string("this book is read-only\n").with_status_code(405).boxed();
        }
        if path.is_empty() {
            return Response::empty(302).with_header(header("Location", &format!("/{language}/"))).boxed();
        }
        let page = if path.ends_with('/') { format!("{path}index.html") } else { path.to_owned() };
        match self.0.get(&page) {
            Some(content) => {
                Response::from_data(content.clone()).with_header(header("Content-Type", kind(&page))).boxed()
            }
            None => self.missing(path),
        }
    }
}

impl Pages {
    /// The page of that language for what is not there, which leads back into the book.
    fn missing(&self, path: &str) -> ResponseBox {
        let of_language = path.split_once('/').and_then(|(language, _)| self.0.get(&format!("{language}/404.html")));
        match of_language {
            Some(content) => Response::from_data(content.clone())
                .with_header(header("Content-Type", kind("404.html")))
                .with_status_code(404)
                .boxed(),
            None => Response::from_string(format!("there is no page /{path}\n")).with_status_code(404).boxed(),
        }
    }
}

fn header(name: &'static str, value: &str) -> Header {
    Header::from_bytes(name, value).unwrap_or_else(|()| unreachable!("{name}: {value} is ASCII"))
}

/// The media type of what mdBook writes.
fn kind(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "json" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "pdf" => "application/pdf",
        "woff2" => "font/woff2",
        "woff" => "font/woff",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn packed() -> Vec<u8> {
        let mut archive = tar::Builder::new(zstd::Encoder::new(Vec::new(), 1).unwrap());
        for (path, content) in
            [("./en/index.html", "<p>one"), ("./zh-CN/index.html", "<p>一"), ("./zh-CN/404.html", "<p>无")]
        {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            archive.append_data(&mut header, path, content.as_bytes()).unwrap();
        }
        archive.into_inner().unwrap().finish().unwrap()
    }

    #[test]
    fn a_build_without_a_book_says_so_and_a_damaged_one_is_no_book() {
        assert!(matches!(Pages::unpack(&[]), Err(CarriedError::None)));
        let whole = packed();
        assert!(matches!(Pages::unpack(&whole[..whole.len() / 2]), Err(CarriedError::Damaged(_))));
    }

    #[test]
    fn it_is_written_whole_and_over_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let pages = Pages::unpack(&packed()).unwrap();
        let place = folder.path().join("new");
        assert_eq!(pages.write(&place).unwrap(), 3);
        assert_eq!(std::fs::read_to_string(place.join("zh-CN/index.html")).unwrap(), "<p>一");
        assert!(matches!(pages.write(&place), Err(CarriedError::Taken(_))));
    }

    #[test]
    fn a_browser_is_led_to_its_language_and_gets_each_file_as_what_it_is() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || Pages::unpack(&packed()).unwrap().serve(listener, "zh-CN"));
        let ask = |line: &str| {
            let mut stream = std::net::TcpStream::connect(address).unwrap();
            write!(stream, "{line} HTTP/1.0\r\n\r\n").unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            answer
        };
        assert!(ask("GET /").contains("302") && ask("GET /").contains("Location: /zh-CN/\r\n"));
        let page = ask("GET /zh-CN/?q=1");
        assert!(
            page.contains(" 200 ") && page.contains("text/html; charset=utf-8") && page.ends_with("<p>一"),
            "{page}"
        );
        let missing = ask("GET /zh-CN/css/none.css");
        assert!(missing.contains(" 404 ") && missing.contains("text/html") && missing.ends_with("<p>无"), "{missing}");
        assert_eq!(kind("en/css/a.css"), "text/css; charset=utf-8");
        for (line, status) in [("GET /en/none", " 404 "), ("GET /../etc/passwd", " 404 "), ("POST /", " 405 ")] {
            assert!(ask(line).contains(status), "{line}: {}", ask(line));
        }
    }
}
