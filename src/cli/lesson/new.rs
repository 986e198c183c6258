//! `explore lesson new NAME`: a page to begin from, which is proved as it stands.

use crate::cli::{Context, explained};
use crate::error::Explain;
use crate::exit::Exit;
use std::io::Write;
use std::path::{Path, PathBuf};

const BLANK: &str = include_str!("blank.md");

#[derive(Debug, clap::Args)]
pub(super) struct NewArgs {
    /// Its name: small letters, digits and hyphens, as `pid-namespace`
    name: String,
}

/// Why there is no new page.
#[derive(Debug, thiserror::Error)]
enum NewError {
    #[error("`{0}` cannot be the name of a lesson")]
    Name(String),
    #[error("{} is there already", .0.display())]
    Exists(PathBuf),
    #[error("cannot write {}", path.display())]
    Write { path: PathBuf, source: std::io::Error },
}

impl Explain for NewError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Name(_) => Some("small letters, digits and hyphens, a letter first: `my-first`".into()),
            Self::Exists(_) => Some("choose another name, or change the page that is there".into()),
            Self::Write { .. } => Some("name a folder of your own: --lessons DIR".into()),
        }
    }

    fn exit(&self) -> Exit {
        match self {
            Self::Name(_) => Exit::Usage,
            Self::Exists(_) | Self::Write { .. } => Exit::Failed,
        }
    }
}

impl NewArgs {
    pub(super) fn run(&self, context: &mut Context, lessons: Option<&Path>) -> anyhow::Result<Exit> {
        let folder = lessons.unwrap_or(Path::new("."));
        let path = write(&self.name, folder).map_err(explained)?;
        if context.screen.json {
            context.screen.data(&serde_json::json!({ "lesson": self.name, "file": path }))?;
            return Ok(Exit::Ok);
        }
        context.screen.line(&format!("{} is a page to begin from.", path.display()))?;
        context.screen.line(&format!("explore lesson check {}   proves what it says", path.display()))?;
        Ok(Exit::Ok)
    }
}

fn write(name: &str, folder: &Path) -> Result<PathBuf, NewError> {
    let is_good = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
    if !name.starts_with(|first: char| first.is_ascii_lowercase()) || !name.chars().all(is_good) {
        return Err(NewError::Name(name.to_owned()));
    }
    let path = folder.join(name).with_extension("md");
    let failed = |source| NewError::Write { path: path.clone(), source };
    std::fs::create_dir_all(folder).map_err(failed)?;
    match std::fs::File::create_new(&path) {
        Ok(mut file) => file.write_all(BLANK.replace("TITLE", name).as_bytes()).map_err(failed)?,
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => return Err(NewError::Exists(path)),
        Err(error) => return Err(failed(error)),
    }
    Ok(path)
}
