//! What the program says, found in its sources: every literal of several words is a message for a translator.
//!
//! Nobody has to remember to register one. What is no message, or is met by no reader of the book, is on a list,
//! `book/po/not-said.txt`: a path of sources as a whole, or one text. What is a message although it has one word stands in
//! `book/po/said-in-a-word.txt`. A line of either that fits nothing fails a test.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

/// Paths, and texts with `\n` for the end of a line.
const NOT_SAID: &str = include_str!("../../book/po/not-said.txt");

/// Texts of one word that are said, too.
const IN_A_WORD: &str = include_str!("../../book/po/said-in-a-word.txt");

/// A message of the sources, as the catalog knows it: `{0}` where the source has `{}` or `{0:?}`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) text: String,
    pub(super) file: String,
}

/// All that is said in the sources below `folder`, in the order of the files; nothing where there are none.
///
/// # Errors
/// Those of reading them.
pub(super) fn in_sources(folder: &Path) -> io::Result<Vec<Said>> {
    let (mut said, list, short) = (Vec::new(), listed(NOT_SAID), listed(IN_A_WORD));
    for path in rust_files(folder)? {
        let file = path.display().to_string();
        if !list.iter().any(|line| line.starts_with("src/") && file.starts_with(line.as_str())) {
            let texts = messages(&std::fs::read_to_string(&path)?, &short);
            said.extend(
                texts.into_iter().filter(|text| !list.contains(text)).map(|text| Said { text, file: file.clone() }),
            );
        }
    }
    Ok(said)
}

/// The lines of a list that are no comment.
fn listed(list: &str) -> BTreeSet<String> {
    let lines = list.lines().filter(|line| !line.is_empty() && !line.starts_with("# "));
    lines.map(|line| line.replace("\\n", "\n").replace("\\t", "\t")).collect()
}

/// Every file but those that hold tests alone.
fn rust_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Ok(Vec::new()) };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(rust_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("tests.rs") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// The messages of one source, each once.
fn messages(source: &str, short: &BTreeSet<String>) -> Vec<String> {
    let source = source.split("#[cfg(test)]\nmod tests {").next().unwrap_or(source);
    let mut found = Vec::new();
    for text in literals(source) {
        let message = numbered(&text);
        if (says(&text) || short.contains(&message)) && !found.contains(&message) {
            found.push(message);
        }
    }
    found
}

/// Whether there are two words in it besides values: what programs exchange mostly has fewer.
fn says(text: &str) -> bool {
    let mut bare = String::new();
    let mut depth = 0_usize;
    for sign in text.chars() {
        match sign {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ if depth == 0 => bare.push(sign),
            _ => {}
        }
    }
    let is_word = |word: &&str| {
        let word = word.trim_matches(|sign: char| ".,:;!?()[]\"'“”`".contains(sign));
        let mut letters = word.chars();
        letters.next().is_some_and(|first| first.is_ascii_alphabetic())
            && word.len() > 1
            && letters.all(|letter| letter.is_ascii_lowercase() || "'’-".contains(letter))
    };
    bare.split_whitespace().filter(is_word).count() > 1
}

/// Values as the catalog names them: `{}` by its place, `{name:?}` by its name alone.
fn numbered(text: &str) -> String {
    let (mut out, mut rest, mut next) = (String::new(), text, 0);
    while let Some(at) = rest.find(['{', '}']) {
        out.push_str(&rest[..at]);
        let (brace, after) = (&rest[at..=at], &rest[at + 1..]);
        let value = after.split_once('}').filter(|_| brace == "{");
        let name = value.map(|(inside, behind)| (inside.split(':').next().unwrap_or(inside), behind));
        let is_name = |name: &str| name.chars().all(|sign| sign.is_ascii_alphanumeric() || sign == '_');
        if after.starts_with(brace) {
            out.push_str(&brace.repeat(2));
            rest = &after[1..];
        } else if let Some((name, behind)) = name.filter(|(name, _)| is_name(name)) {
            let place = next.to_string();
            next += usize::from(name.is_empty());
            out.extend(["{", if name.is_empty() { &place } else { name }, "}"]);
            rest = behind;
        } else {
            out.push_str(brace);
            rest = after;
        }
    }
    out + rest
}

/// The string literals of Rust source, outside comments and attributes but `#[error]`.
fn literals(source: &str) -> Vec<String> {
    let (mut found, mut rest) = (Vec::new(), source);
    // How deep in the brackets of an attribute, and whether its strings count.
    let (mut depth, mut counts) = (0_usize, true);
    while let Some(first) = rest.chars().next() {
        let mut length = first.len_utf8();
        if rest.starts_with("//") {
            length = rest.find('\n').unwrap_or(rest.len());
        } else if let Some((text, taken)) = raw(rest).or_else(|| plain(rest)) {
            length = taken;
            if depth == 0 || counts {
                found.push(text);
            }
        } else if first == '\'' {
            length = sign(rest);
        } else if depth == 0 && (rest.starts_with("#[") || rest.starts_with("#![")) {
            let inside = rest.trim_start_matches(['#', '!', '[']);
            counts = inside.starts_with("error(");
            length = rest.len() - inside.len();
            depth = 1;
        } else if depth > 0 {
            depth = if first == '[' { depth + 1 } else { depth - usize::from(first == ']') };
        }
        rest = &rest[length..];
    }
    found
}

/// `r"…"` and `r#"…"#`, with how long it is in the source.
fn raw(rest: &str) -> Option<(String, usize)> {
    let after = rest.strip_prefix('r')?;
    let hashes = after.len() - after.trim_start_matches('#').len();
    let inside = after[hashes..].strip_prefix('"')?;
    let end = inside.find(&format!("\"{}", "#".repeat(hashes)))?;
    Some((inside[..end].to_owned(), 1 + hashes + 1 + end + 1 + hashes))
}

/// `"…"`, with what is escaped in it as it will be.
fn plain(rest: &str) -> Option<(String, usize)> {
    let inside = rest.strip_prefix('"')?;
    let (mut text, mut signs) = (String::new(), inside.char_indices());
    while let Some((at, sign)) = signs.next() {
        match sign {
            '"' => return Some((text, at + 2)),
            '\\' => match signs.next()?.1 {
                'n' => text.push('\n'),
                't' => text.push('\t'),
                'u' => {
                    let code: String = signs.by_ref().map(|(_, sign)| sign).take_while(|sign| *sign != '}').collect();
                    let number = u32::from_str_radix(code.trim_start_matches('{'), 16).ok();
                    text.extend(number.and_then(char::from_u32));
                }
                '\n' => {
                    let blank = signs.as_str().len() - signs.as_str().trim_start().len();
                    signs.by_ref().take(blank).for_each(drop);
                }
                other => text.push(other),
            },
            other => text.push(other),
        }
    }
    None
}

/// How long `'x'`, `'\n'` or the mark of a lifetime is.
fn sign(rest: &str) -> usize {
    let inside = &rest[1..];
    if inside.starts_with('\\') {
        return inside[2..].find('\'').map_or(1, |end| 2 + 1 + end + 1);
    }
    let first = inside.chars().next().map_or(0, char::len_utf8);
    if inside[first..].starts_with('\'') { 1 + first + 1 } else { 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_lists_name_what_is_in_the_sources() {
        let sources: Vec<(String, String)> = rust_files(Path::new("src"))
            .unwrap()
            .into_iter()
            .map(|path| (path.display().to_string(), std::fs::read_to_string(&path).unwrap()))
            .collect();
        let texts: BTreeSet<String> =
            sources.iter().flat_map(|(_, source)| literals(source)).map(|text| numbered(&text)).collect();
        let is_there = |line: &String| {
            texts.contains(line)
                || line.starts_with("src/") && sources.iter().any(|(file, _)| file.starts_with(line.as_str()))
        };
        let lines = listed(NOT_SAID).into_iter().chain(listed(IN_A_WORD));
        let left: Vec<String> = lines.filter(|line| !is_there(line)).collect();
        assert!(left.is_empty(), "nobody says this, remove it from the lists: {left:#?}");
    }

    #[test]
    fn what_is_said_is_found_and_what_is_not_said_is_not() {
        let source = r##"
            /// Says "nothing at all".
            #[error("cannot read {}: it is {why:?}", path.display())] // "nor does this"
            #[arg(help = "which of them it is")]
            let lifetime: &'static str = r#"a "raw" word"#;
            call('"', '\'', "AT_FDCWD, O_PATH", "one word\
                 goes on \u{201c}{:?}", "{{braces}} of {} and {}");
            #[cfg(test)]
mod tests { "what a test says" }"##
            .replace("            #[cfg", "#[cfg");
        let expected = [
            "cannot read {0}: it is {why}",
            "a \"raw\" word",
            "one wordgoes on \u{201c}{0}",
            "{{braces}} of {0} and {1}",
        ];
        assert_eq!(messages(&source, &BTreeSet::from(["{0}".to_owned()])), expected);
    }
}
