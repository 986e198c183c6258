//! Errors as runc tells them, since containerd shows its users the last line of the log and podman what is on standard
//! error (runc, utils.go, `FatalWriter`; the shape is logrus').

use super::{hint_of, report};
use std::io::Write;
use std::path::PathBuf;

/// What a line of the log looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// `time="…" level=error msg="…"`
    Text,
    /// `{"level":"error","msg":"…","time":"…"}`
    Json,
}

/// Where errors go.
#[derive(Debug, Clone)]
pub(super) struct Log {
    pub(super) file: Option<PathBuf>,
    pub(super) format: Format,
}

impl Log {
    /// The one error that ends the command.
    pub(super) fn error(&self, error: &anyhow::Error) {
        let text = report::chain(error);
        self.add("error", &text);
        if let Some(hint) = hint_of(error).filter(|_| self.file.is_none()) {
            let _ = writeln!(std::io::stderr(), "hint: {hint}");
        }
    }

    /// Something that went wrong and changes nothing.
    pub(super) fn warning(&self, error: &anyhow::Error) {
        self.add("warning", &report::chain(error));
    }

    fn add(&self, level: &str, text: &str) {
        let line = self.line(level, text);
        let Some(path) = &self.file else {
            let _ = std::io::stderr().write_all(line.as_bytes());
            return;
        };
        let _ = writeln!(std::io::stderr(), "{text}");
        // Where the log cannot be written, standard error has said it.
        if let Ok(mut file) = std::fs::File::options().create(true).append(true).open(path) {
            let _ = file.write_all(line.as_bytes());
        }
    }

    fn line(&self, level: &str, text: &str) -> String {
        let now = std::time::UNIX_EPOCH.elapsed().unwrap_or_default().as_secs();
        let time = crate::image::time::rfc3339(now);
        match self.format {
            Format::Json => format!("{}\n", serde_json::json!({ "level": level, "msg": text, "time": time })),
            Format::Text => format!("time=\"{time}\" level={level} msg={text:?}\n"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_what_containerd_reads() {
        let line = Log { file: None, format: Format::Json }.line("error", "no \"such\"\nthing");
        let read: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!((&read["level"], &read["msg"]), (&"error".into(), &"no \"such\"\nthing".into()));
        assert_eq!(line.lines().count(), 1);
        let text = Log { file: None, format: Format::Text }.line("error", "no \"such\"\nthing");
        assert!(text.ends_with("level=error msg=\"no \\\"such\\\"\\nthing\"\n"), "{text}");
    }
}
