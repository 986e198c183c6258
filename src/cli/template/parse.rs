//! From the text of a template to what it means.

use super::TemplateError;
use serde_json::Value;
use std::iter::Peekable;
use std::vec::IntoIter;

/// What a template is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    Text(String),
    /// `{{.A.B}}`, and `{{$x := .A}}`, which prints nothing.
    Print(Option<String>, Pipe),
    /// `{{if .A}}…{{else}}…{{end}}`
    If(Pipe, Vec<Part>, Vec<Part>),
    /// `{{with .A}}…{{end}}`: the same, and the dot is another inside.
    With(Pipe, Vec<Part>, Vec<Part>),
    /// `{{range $k, $v := .A}}…{{end}}`
    Range(Vec<String>, Pipe, Vec<Part>, Vec<Part>),
}

/// `.A | upper`: each command gets what the one before it gave as its last argument.
pub(super) type Pipe = Vec<Vec<Operand>>;

/// One word of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Operand {
    /// `.A.B`, and `.` alone.
    Dot(Vec<String>),
    /// `$x.A`; the name without its dollar, empty for `$`.
    Variable(String, Vec<String>),
    Literal(Value),
    Function(String),
    /// `(index .A 0).B`
    Group(Pipe, Vec<String>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Word(String),
    Quoted(String),
    Sign(&'static str),
}

/// An action, and the text that stands before it.
struct Piece {
    text: String,
    action: Option<String>,
}

pub(super) fn parse(text: &str) -> Result<Vec<Part>, TemplateError> {
    let mut pieces = pieces(text)?.into_iter().peekable();
    let (parts, ended_by) = block(&mut pieces)?;
    if ended_by.is_empty() { Ok(parts) } else { Err(TemplateError::Unknown(ended_by)) }
}

/// Text and actions, in turn. `{{-` and `-}}` take the space beside them away.
fn pieces(text: &str) -> Result<Vec<Piece>, TemplateError> {
    let (mut all, mut rest, mut trim) = (Vec::new(), text, false);
    loop {
        let (before, after) = rest.split_once("{{").map_or((rest, None), |(before, after)| (before, Some(after)));
        let before = if trim { before.trim_start() } else { before };
        let Some(after) = after else {
            all.push(Piece { text: unescape(before), action: None });
            return Ok(all);
        };
        let length = end_of(after).ok_or_else(|| TemplateError::Open(after.to_owned()))?;
        let action = &after[..length];
        rest = &after[length + 2..];
        let (action, before) = match action.strip_prefix("- ") {
            Some(action) => (action, before.trim_end()),
            None => (action, before),
        };
        trim = action.ends_with(" -");
        let action = action.strip_suffix(" -").unwrap_or(action).trim();
        all.push(Piece { text: unescape(before), action: Some(action.to_owned()) });
    }
}

/// Where `}}` stands, outside of quotes.
fn end_of(text: &str) -> Option<usize> {
    let (mut quote, mut escaped) = (None, false);
    for (at, one) in text.char_indices() {
        match quote {
            _ if escaped => escaped = false,
            Some('"') if one == '\\' => escaped = true,
            Some(mark) if one == mark => quote = None,
            None if one == '"' || one == '`' => quote = Some(one),
            None if text[at..].starts_with("}}") => return Some(at),
            _ => {}
        }
    }
    None
}

/// Tabs and newlines may be written as a shell can pass them on.
fn unescape(text: &str) -> String {
    text.replace("\\t", "\t").replace("\\n", "\n")
}

/// Up to `{{end}}` or `{{else …}}`, which is the second half of the answer, or the end of the text.
fn block(pieces: &mut Peekable<IntoIter<Piece>>) -> Result<(Vec<Part>, String), TemplateError> {
    let mut parts = Vec::new();
    while let Some(piece) = pieces.next() {
        parts.push(Part::Text(piece.text));
        let Some(action) = piece.action.filter(|action| !action.starts_with("/*")) else { continue };
        let (word, rest) = action.split_once(char::is_whitespace).unwrap_or((&action, ""));
        match word {
            "end" | "else" => return Ok((parts, action)),
            "if" | "with" | "range" => parts.push(control(word, rest, pieces)?),
            _ => {
                let mut tokens = tokens(&action)?;
                let mut names = declared(&mut tokens, &action)?;
                parts.push(Part::Print(names.pop(), pipe(tokens, &action)?));
            }
        }
    }
    Ok((parts, String::new()))
}

fn control(word: &str, rest: &str, pieces: &mut Peekable<IntoIter<Piece>>) -> Result<Part, TemplateError> {
    let whole = format!("{word} {rest}");
    let mut tokens = tokens(rest)?;
    let names = declared(&mut tokens, &whole)?;
    let pipe = pipe(tokens, &whole)?;
    let (then, ended_by) = block(pieces)?;
    let otherwise = match ended_by.strip_prefix("else") {
        Some("") => {
            let (parts, ended_by) = block(pieces)?;
            if ended_by != "end" {
                return Err(TemplateError::NoEnd(whole));
            }
            parts
        }
        // `{{else if .B}}` has no end of its own.
        Some(more) => {
            let (word, rest) = more.trim().split_once(char::is_whitespace).unwrap_or((more.trim(), ""));
            vec![control(word, rest, pieces)?]
        }
        None if ended_by == "end" => Vec::new(),
        None => return Err(TemplateError::NoEnd(whole)),
    };
    match word {
        "if" if names.is_empty() => Ok(Part::If(pipe, then, otherwise)),
        "with" if names.is_empty() => Ok(Part::With(pipe, then, otherwise)),
        "range" => Ok(Part::Range(names, pipe, then, otherwise)),
        _ => Err(TemplateError::Unknown(whole)),
    }
}

/// `$k, $v :=` at the beginning.
fn declared(tokens: &mut Vec<Token>, whole: &str) -> Result<Vec<String>, TemplateError> {
    let Some(at) = tokens.iter().position(|one| *one == Token::Sign(":=")) else { return Ok(Vec::new()) };
    let name = |one: &Token| match one {
        Token::Word(word) => word.strip_prefix('$').filter(|name| is_name(name)).map(str::to_owned),
        _ => None,
    };
    let unknown = || TemplateError::Unknown(whole.to_owned());
    let before: Vec<Token> = tokens.drain(..=at).collect();
    let names: Option<Vec<String>> = before[..at].iter().filter(|one| **one != Token::Sign(",")).map(name).collect();
    names.filter(|names| (1..=2).contains(&names.len())).ok_or_else(unknown)
}

fn tokens(action: &str) -> Result<Vec<Token>, TemplateError> {
    let unknown = || TemplateError::Unknown(action.to_owned());
    let (mut all, mut rest) = (Vec::new(), action.trim_start());
    while let Some(first) = rest.chars().next() {
        let sign = [":=", "|", "(", ")", ","].into_iter().find(|sign| rest.starts_with(sign));
        let taken = if let Some(sign) = sign {
            all.push(Token::Sign(sign));
            sign.len()
        } else if first == '"' {
            let mut parsed = serde_json::Deserializer::from_str(rest).into_iter::<String>();
            all.push(Token::Quoted(parsed.next().and_then(Result::ok).ok_or_else(unknown)?));
            parsed.byte_offset()
        } else if first == '`' {
            let length = rest[1..].find('`').ok_or_else(unknown)?;
            all.push(Token::Quoted(rest[1..=length].to_owned()));
            length + 2
        } else {
            let length = rest.find(|one: char| one.is_whitespace() || "|(),\"`".contains(one)).unwrap_or(rest.len());
            all.push(Token::Word(rest[..length].to_owned()));
            length
        };
        rest = rest[taken..].trim_start();
    }
    Ok(all)
}

fn pipe(tokens: Vec<Token>, whole: &str) -> Result<Pipe, TemplateError> {
    let mut tokens = tokens.into_iter().peekable();
    let found = commands(&mut tokens, whole)?;
    if tokens.next().is_some() { Err(TemplateError::Unknown(whole.to_owned())) } else { Ok(found) }
}

/// Up to a closing parenthesis, or the end.
fn commands(tokens: &mut Peekable<IntoIter<Token>>, whole: &str) -> Result<Pipe, TemplateError> {
    let unknown = || TemplateError::Unknown(whole.to_owned());
    let mut all: Pipe = vec![Vec::new()];
    while let Some(token) = tokens.next_if(|one| *one != Token::Sign(")")) {
        let operand = match token {
            Token::Sign("|") => {
                all.push(Vec::new());
                continue;
            }
            Token::Sign("(") => {
                let inner = commands(tokens, whole)?;
                tokens.next().ok_or_else(unknown)?;
                let is_path = |one: &Token| matches!(one, Token::Word(word) if word.len() > 1 && word.starts_with('.'));
                let path = match tokens.next_if(is_path) {
                    Some(Token::Word(word)) => path_of(&word).ok_or_else(unknown)?,
                    _ => Vec::new(),
                };
                Operand::Group(inner, path)
            }
            Token::Sign(_) => return Err(unknown()),
            Token::Quoted(text) => Operand::Literal(text.into()),
            Token::Word(word) => word_of(&word).ok_or_else(unknown)?,
        };
        all.last_mut().ok_or_else(unknown)?.push(operand);
    }
    if all.iter().any(Vec::is_empty) { Err(unknown()) } else { Ok(all) }
}

fn word_of(word: &str) -> Option<Operand> {
    if let Some(name) = word.strip_prefix('$') {
        let (name, path) = name.split_at(name.find('.').unwrap_or(name.len()));
        let path = if path.is_empty() { Vec::new() } else { path_of(path)? };
        return (name.is_empty() || is_name(name)).then(|| Operand::Variable(name.to_owned(), path));
    }
    if word.starts_with('.') {
        return path_of(word).map(Operand::Dot);
    }
    Some(match word {
        "true" => Operand::Literal(true.into()),
        "false" => Operand::Literal(false.into()),
        "nil" => Operand::Literal(Value::Null),
        _ => match word.parse::<i64>() {
            Ok(number) => Operand::Literal(number.into()),
            Err(_) if super::eval::FUNCTIONS.contains(&word) => Operand::Function(word.to_owned()),
            Err(_) => return None,
        },
    })
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn path_of(text: &str) -> Option<Vec<String>> {
    let path = text.strip_prefix('.')?;
    match path.split('.').map(str::to_owned).collect::<Vec<_>>() {
        _ if path.is_empty() => Some(Vec::new()),
        names if names.iter().all(|name| is_name(name)) => Some(names),
        _ => None,
    }
}
