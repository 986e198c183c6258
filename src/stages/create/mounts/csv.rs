//! `--mount type=bind,src=/here,dst=/inside,readonly`: one line of comma-separated values (docker/cli opts/mount.go).

use super::{MountError, MountPoint, Propagation, What, absolute, clean, target, tmpfs};

/// What the fields say, before it is known whether they go together.
#[derive(Debug, Default)]
struct Fields {
    kind: String,
    source: String,
    target: String,
    read_only: bool,
    propagation: Option<String>,
    no_recursion: Option<bool>,
    no_copy: Option<bool>,
    labels: Vec<(String, String)>,
    tmpfs: Vec<String>,
}

/// Reads what `--mount` was given.
///
/// # Errors
/// [`MountError::Flag`] where docker's client would refuse it, [`MountError::Config`] where its daemon would.
pub fn parse_mount(given: &str) -> Result<MountPoint, MountError> {
    let flag = |why| MountError::Flag { flag: "--mount", given: given.to_owned(), why };
    let mut fields = Fields { kind: "volume".into(), ..Fields::default() };
    for field in split(given).map_err(flag)? {
        fields.take(&field).map_err(flag)?;
    }
    fields.go_together().map_err(flag)?;
    let kind = fields.kind.clone();
    fields.mount().map_err(|why| MountError::Config { kind, why })
}

/// RFC 4180: a field in quotes may hold commas, and two quotes for one.
fn split(line: &str) -> Result<Vec<String>, String> {
    if line.is_empty() {
        return Err("it is empty".into());
    }
    let (mut fields, mut field, mut quoted) = (Vec::new(), String::new(), false);
    let mut letters = line.chars().peekable();
    let mut at_start = true;
    while let Some(letter) = letters.next() {
        match letter {
            '"' if at_start => quoted = true,
            '"' if quoted && letters.next_if_eq(&'"').is_some() => field.push('"'),
            '"' if quoted && matches!(letters.peek(), None | Some(',')) => quoted = false,
            '"' => return Err("extraneous or missing \" in quoted-field".into()),
            ',' if !quoted => {
                fields.push(std::mem::take(&mut field));
                at_start = true;
                continue;
            }
            other => field.push(other),
        }
        at_start = false;
    }
    if quoted {
        return Err("extraneous or missing \" in quoted-field".into());
    }
    fields.push(field);
    Ok(fields)
}

impl Fields {
    fn take(&mut self, field: &str) -> Result<(), String> {
        let Some((key, value)) = field.split_once('=') else { return self.take_word(field) };
        let wrong = || format!("invalid value for {key}: {value}");
        let yes = || truth(value).ok_or_else(wrong);
        match key {
            "type" => self.kind = value.to_lowercase(),
            "source" | "src" if value == "." || value.starts_with("./") => {
                let path = std::path::absolute(value).map_err(|error| error.to_string())?;
                self.source = path.to_string_lossy().into_owned();
            }
            "source" | "src" => value.clone_into(&mut self.source),
            "target" | "dst" | "destination" => value.clone_into(&mut self.target),
            "readonly" | "ro" => self.read_only = yes()?,
            // For docker on a Mac: it means nothing here.
            "consistency" => {}
            "bind-propagation" => self.propagation = Some(value.to_lowercase()),
            "bind-nonrecursive" => self.no_recursion = Some(yes()?),
            "volume-nocopy" => self.no_copy = Some(yes()?),
            "volume-label" => {
                let (name, text) = value.split_once('=').unwrap_or((value, ""));
                self.labels.push((name.to_owned(), text.to_owned()));
            }
            "volume-driver" if matches!(value, "" | "local") => {}
            "volume-driver" | "volume-opt" => {
                return Err(format!("{key} is not supported: explore's volumes are folders"));
            }
            "tmpfs-size" => self.tmpfs.push(format!("size={}", size(value).ok_or_else(wrong)?)),
            "tmpfs-mode" => {
                let mode = u32::from_str_radix(value, 8).ok().filter(|_| !value.starts_with('+')).ok_or_else(wrong)?;
                self.tmpfs.push(format!("mode={mode:o}"));
            }
            _ => return Err(format!("unexpected key '{key}' in '{field}'")),
        }
        Ok(())
    }

    fn take_word(&mut self, word: &str) -> Result<(), String> {
        match word {
            "readonly" | "ro" => self.read_only = true,
            "volume-nocopy" => self.no_copy = Some(true),
            "bind-nonrecursive" => self.no_recursion = Some(true),
            _ => return Err(format!("invalid field '{word}' must be a key=value pair")),
        }
        Ok(())
    }

    fn go_together(&self) -> Result<(), String> {
        if self.kind.is_empty() {
            return Err("type is required".into());
        }
        if self.target.is_empty() {
            return Err("target is required".into());
        }
        let used = [
            ("volume", self.no_copy.is_some() || !self.labels.is_empty()),
            ("bind", self.propagation.is_some() || self.no_recursion.is_some()),
            ("tmpfs", !self.tmpfs.is_empty()),
        ];
        match used.into_iter().find(|(kind, used)| *used && *kind != self.kind) {
            Some((kind, _)) => Err(format!("cannot mix '{kind}-*' options with mount type '{}'", self.kind)),
            None => Ok(()),
        }
    }

    fn mount(self) -> Result<MountPoint, String> {
        let target = target(&self.target)?;
        let read_only = self.read_only;
        let what = match self.kind.as_str() {
            "bind" => self.bind()?,
            "volume" if self.source.is_empty() && read_only => {
                return Err("must not set ReadOnly mode when using anonymous volumes".into());
            }
            "volume" => What::Volume {
                anonymous: self.source.is_empty(),
                name: self.source,
                copy: self.no_copy != Some(true),
                labels: self.labels,
            },
            "tmpfs" if !self.source.is_empty() => return Err("field Source must not be specified".into()),
            "tmpfs" => {
                let words = read_only.then_some("ro").into_iter().chain(self.tmpfs.iter().map(String::as_str));
                tmpfs::memory(&words.collect::<Vec<_>>()).map_err(|error| error.to_string())?
            }
            _ => return Err("mount type unknown".into()),
        };
        Ok(MountPoint { target, read_only, what })
    }

    /// Unlike with `-v`, what is to be shown must be there.
    fn bind(&self) -> Result<What, String> {
        if self.source.is_empty() {
            return Err("field Source must not be empty".into());
        }
        let wanted = self.propagation.as_deref().filter(|word| !word.is_empty());
        let unknown = |word: &str| format!("invalid propagation mode: {word}");
        let propagation =
            wanted.map_or(Ok(Propagation::default()), |word| Propagation::parse(word).ok_or_else(|| unknown(word)));
        let propagation = propagation?;
        absolute(&self.source)?;
        let source = clean(&self.source);
        if std::fs::symlink_metadata(&source).is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound) {
            return Err(format!("bind source path does not exist: {}", source.display()));
        }
        Ok(What::Bind { source, recursive: self.no_recursion != Some(true), propagation, make: false })
    }
}

/// What Go's `strconv.ParseBool` takes.
fn truth(word: &str) -> Option<bool> {
    super::super::privileges::truth(word)
}

fn size(text: &str) -> Option<i64> {
    super::super::amount::bytes(text).ok().filter(|bytes| *bytes >= 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_may_be_quoted() {
        assert_eq!(split("a,\"b,c\",\"d\"\"e\"").unwrap(), ["a", "b,c", "d\"e"]);
        for bad in ["", "a,\"", "\"a\"b", "a,b\"c"] {
            assert!(split(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn what_docker_refuses_is_refused_in_its_words() {
        let told = |given: &str| parse_mount(given).unwrap_err().to_string();
        // Each from docker 20.10.24, `docker run --mount …`.
        let client = [
            ("type=bind,foo=1,dst=/x", "unexpected key 'foo' in 'foo=1'"),
            ("src=a", "target is required"),
            ("foo", "invalid field 'foo' must be a key=value pair"),
            ("dst=/x,src=m1,bind-propagation=rslave", "cannot mix 'bind-*' options with mount type 'volume'"),
            ("dst=/x,src=m1,tmpfs-size=1", "cannot mix 'tmpfs-*' options with mount type 'volume'"),
            ("type=bind,src=/tmp,dst=/x,volume-nocopy", "cannot mix 'volume-*' options with mount type 'bind'"),
            ("type=bind,src=/tmp,dst=/x,ro=maybe", "invalid value for ro: maybe"),
            ("type=tmpfs,dst=/x,tmpfs-size=q", "invalid value for tmpfs-size: q"),
            ("type=tmpfs,dst=/x,tmpfs-mode=9", "invalid value for tmpfs-mode: 9"),
        ];
        for (given, why) in client {
            assert_eq!(told(given), format!("invalid argument {given:?} for \"--mount\" flag: {why}"));
        }
        let daemon = [
            ("type=foo,dst=/x", "foo", "mount type unknown"),
            ("type=bind,dst=/x", "bind", "field Source must not be empty"),
            ("type=bind,src=rel,dst=/x", "bind", "invalid mount path: 'rel' mount path must be absolute"),
            ("type=bind,src=/tmp,dst=x", "bind", "invalid mount path: 'x' mount path must be absolute"),
            ("type=bind,src=/tmp,dst=/x,bind-propagation=odd", "bind", "invalid propagation mode: odd"),
            ("type=bind,src=/no/such,dst=/x", "bind", "bind source path does not exist: /no/such"),
            ("type=tmpfs,src=x,dst=/x", "tmpfs", "field Source must not be specified"),
            ("dst=/", "volume", "invalid specification: destination can't be '/'"),
            ("dst=/x,ro", "volume", "must not set ReadOnly mode when using anonymous volumes"),
        ];
        for (given, kind, why) in daemon {
            assert_eq!(told(given), format!("invalid mount config for type \"{kind}\": {why}"));
        }
    }
}
