//! The environment of a container's program: docker's own variables, the image's, then what was typed.

use super::{Container, CreateError, Request};
use crate::image::Image;
use std::path::{Path, PathBuf};

/// More than this is no file of variables: execve(2) would not take it.
const LARGEST: u64 = 1 << 20;

/// A later word for the same name replaces the earlier one; a name that has no value takes it away. HOME is not among
/// them: whose it is is known when the container starts (`stages::user`).
pub(super) fn environment(container: &Container, image: &Image) -> Vec<String> {
    let mut env: Vec<String> = vec![
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned(),
        format!("HOSTNAME={}", container.hostname),
    ];
    if container.terminal {
        env.push("TERM=xterm".to_owned());
    }
    for entry in of_image(image).iter().chain(container.asked.typed_env()) {
        let named = name(entry);
        env.retain(|old| name(old) != named);
        if entry.contains('=') {
            env.push(entry.clone());
        }
    }
    env
}

/// What docker's `inspect` shows of it: what was typed, and how much that is; then what the image has besides.
pub(super) fn asked(request: &Request, image: &Image) -> Result<(Vec<String>, usize), CreateError> {
    // Once: a file of variables can be a pipe.
    let mut all = typed(request)?;
    let count = all.len();
    let mut of_image = of_image(image);
    of_image.retain(|one| all.iter().all(|other| name(other) != name(one)));
    all.append(&mut of_image);
    Ok((all, count))
}

fn name(entry: &str) -> &str {
    entry.split_once('=').map_or(entry, |(name, _)| name)
}

fn of_image(image: &Image) -> Vec<String> {
    image.config.config().as_ref().and_then(|config| config.env().clone()).unwrap_or_default()
}

fn typed(request: &Request) -> Result<Vec<String>, CreateError> {
    let mut typed = variables_in(&request.env_files)?;
    for entry in &request.env {
        typed.push(variable(entry)?);
    }
    Ok(typed)
}

/// What files of variables list; a name alone is this shell's value, and nothing where it has none.
///
/// # Errors
/// [`CreateError::EnvFile`], [`CreateError::EnvLine`].
pub fn variables_in(files: &[PathBuf]) -> Result<Vec<String>, CreateError> {
    let value = |line: String| {
        if line.contains('=') { Some(line) } else { std::env::var(&line).ok().map(|value| format!("{line}={value}")) }
    };
    let lines = files.iter().map(|file| read(file)).collect::<Result<Vec<_>, _>>()?;
    Ok(lines.into_iter().flatten().filter_map(value).collect())
}

/// What files of labels list: the same form, and a name alone is passed over.
///
/// # Errors
/// As [`variables_in`].
pub fn labels_in(files: &[PathBuf]) -> Result<Vec<String>, CreateError> {
    let lines = files.iter().map(|file| read(file)).collect::<Result<Vec<_>, _>>()?;
    Ok(lines.into_iter().flatten().filter(|line| line.contains('=')).collect())
}

/// `NAME=VALUE`, or `NAME` alone for this shell's value; where it has none, the name alone, which takes the image's away.
pub(super) fn variable(typed: &str) -> Result<String, CreateError> {
    match typed.split_once('=') {
        Some(("", _)) => Err(CreateError::Variable(typed.to_owned())),
        Some(_) => Ok(typed.to_owned()),
        None if typed.is_empty() => Err(CreateError::Variable(typed.to_owned())),
        None => Ok(std::env::var(typed).map_or_else(|_| typed.to_owned(), |value| format!("{typed}={value}"))),
    }
}

/// A file of variables or labels, one a line, as docker reads it: no quotes, no expansion; `#` begins a comment at the
/// start of a line only.
fn read(path: &Path) -> Result<Vec<String>, CreateError> {
    let failed = |source| CreateError::EnvFile { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    std::io::Read::read_to_end(&mut std::io::Read::take(file, LARGEST + 1), &mut bytes).map_err(failed)?;
    let wrong = |line, why| CreateError::EnvLine { path: path.to_owned(), line, why };
    if bytes.len() as u64 > LARGEST {
        return Err(wrong(0, "it is larger than 1 MiB"));
    }
    let text = String::from_utf8(bytes).map_err(|_| wrong(0, "it is no UTF-8"))?;
    let mut all = Vec::new();
    for (number, line) in (1..).zip(text.trim_start_matches('\u{feff}').lines()) {
        let line = line.trim_start();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, value) = line.split_once('=').map_or((line, None), |(name, value)| (name, Some(value)));
        if name.is_empty() {
            return Err(wrong(number, "no name stands before '='"));
        }
        if name.contains(char::is_whitespace) {
            return Err(wrong(number, "a name has no spaces"));
        }
        all.push(value.map_or_else(|| name.to_owned(), |value| format!("{name}={value}")));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_variables_is_read_as_docker_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("env");
        std::fs::write(&file, "\u{feff}A=1\n# no\n\n  B = two # three\r\nC=\"x\"\nD=\nNO_SUCH_VARIABLE_HERE\n")
            .unwrap();
        assert!(matches!(read(&file), Err(CreateError::EnvLine { line: 4, .. })));
        std::fs::write(&file, "A=1\n  B=two # three\nC=\"x\"\nD=\n#E=1\nNO_SUCH_VARIABLE_HERE\n").unwrap();
        assert_eq!(labels_in(std::slice::from_ref(&file)).unwrap().last().unwrap(), "D=");
        assert_eq!(variables_in(std::slice::from_ref(&file)).unwrap(), ["A=1", "B=two # three", "C=\"x\"", "D="]);
        for bad in ["=x\n", "a b=c\n", "a b\n"] {
            std::fs::write(&file, bad).unwrap();
            assert!(matches!(read(&file), Err(CreateError::EnvLine { line: 1, .. })), "{bad:?}");
        }
        std::fs::write(&file, b"A=\xff\n").unwrap();
        assert!(read(&file).is_err());
        assert!(matches!(read(&folder.path().join("none")), Err(CreateError::EnvFile { .. })));
    }
}
