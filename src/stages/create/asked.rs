//! What was typed, where `config.json` has only what became of it: `inspect` shows both, as docker does.

use super::{CreateError, MountPoint, Privileges, Request, environment};
use crate::image::Image;
use serde::{Deserialize, Serialize};

/// The wish in its own words.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Asked {
    /// The image.
    pub image: String,
    /// `--cap-add` and its kin.
    pub privileges: Privileges,
    /// Variables: typed ones, then those of the image that they leave.
    pub env: Vec<String>,
    /// How many of them were typed.
    pub typed_variables: usize,
    /// `--sysctl`.
    pub sysctls: Vec<String>,
    /// The flags that mount something.
    pub files: Files,
    /// Folders for which the image, or `-v /inside`, wants a volume.
    pub volumes: Vec<String>,
    /// How many words of the command are its entry point.
    pub entrypoint: usize,
    /// It is made to be watched: not with `-d`.
    pub attached: bool,
}

/// What `-v` and its kin were given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Files {
    /// `-v` of a folder or of a volume with a name; a path is absolute.
    pub binds: Vec<String>,
    /// `-v` of a volume without a name: where inside.
    pub nameless: Vec<String>,
    /// `--mount`.
    pub mounts: Vec<MountPoint>,
    /// `--tmpfs`: where inside, and options.
    pub tmpfs: Vec<(String, String)>,
    /// `--volumes-from`.
    pub from: Vec<String>,
    /// `--shm-size`.
    pub shm_size: Option<i64>,
}

impl Asked {
    /// Gathers it.
    pub(super) fn of(request: &Request, image: &Image) -> Result<Self, CreateError> {
        let config = image.config.config();
        let of_image = config.as_ref().and_then(|config| config.volumes().clone()).unwrap_or_default();
        let mut volumes: Vec<String> = request.mounts.typed.nameless.iter().cloned().chain(of_image).collect();
        volumes.sort();
        volumes.dedup();
        let (env, typed_variables) = environment::asked(request, image)?;
        Ok(Self {
            image: request.image.clone(),
            privileges: request.privileges.clone(),
            env,
            typed_variables,
            sysctls: request.sysctls.clone(),
            files: request.mounts.typed.clone(),
            volumes,
            entrypoint: request.program.words(&request.command, image).0.len(),
            attached: request.attached,
        })
    }

    /// The variables that were typed.
    pub(super) fn typed_env(&self) -> &[String] {
        self.env.get(..self.typed_variables).unwrap_or_default()
    }
}
