//! Names and IDs. An ID is 64 random hex digits, no hash of anything; a name is for people.

use super::{Container, CreateError};
use std::io::Read;

const MANNERS: [&str; 24] = [
    "able", "blithe", "brisk", "calm", "candid", "clever", "daring", "deft", "eager", "fair", "gentle", "glad",
    "honest", "keen", "lucid", "mellow", "nimble", "patient", "quiet", "ready", "steady", "tidy", "vivid", "witty",
];
/// People whose work is under every container.
const PEOPLE: [&str; 24] = [
    "biederman",
    "bostic",
    "cook",
    "corbato",
    "cox",
    "dijkstra",
    "emelyanov",
    "hallyn",
    "hopper",
    "joy",
    "kamp",
    "kernighan",
    "kerrisk",
    "lezcano",
    "liskov",
    "mckusick",
    "menage",
    "pike",
    "ritchie",
    "saltzer",
    "seth",
    "thompson",
    "torvalds",
    "viro",
];

/// The name that was asked for, or one that nobody has.
pub(super) fn choose(wanted: Option<&str>, taken: &[Container]) -> Result<String, CreateError> {
    let owner = |name: &str| taken.iter().find(|one| one.name == name);
    if let Some(name) = wanted {
        return match owner(name) {
            Some(other) => Err(CreateError::NameTaken { name: name.to_owned(), id: other.id.clone() }),
            None => Ok(name.to_owned()),
        };
    }
    let mut draw = [0; 2];
    for attempt in 0.. {
        random(&mut draw).map_err(CreateError::Random)?;
        let pick = |list: &[&'static str; 24], byte: u8| list[usize::from(byte) % list.len()];
        let mut name = format!("{}_{}", pick(&MANNERS, draw[0]), pick(&PEOPLE, draw[1]));
        if attempt > 3 {
            name = format!("{name}{attempt}");
        }
        if owner(&name).is_none() {
            return Ok(name);
        }
    }
    unreachable!("some number is free")
}

/// What docker allows: `[a-zA-Z0-9][a-zA-Z0-9_.-]+`.
pub(super) fn check(name: &str) -> Result<(), CreateError> {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    let first = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    if first && name.len() >= 2 && name.len() <= 128 && name.bytes().all(good) {
        return Ok(());
    }
    Err(CreateError::Name(name.to_owned()))
}

/// 64 hex digits.
pub fn random_id() -> std::io::Result<String> {
    let mut bytes = [0; 32];
    random(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn random(bytes: &mut [u8]) -> std::io::Result<()> {
    std::fs::File::open("/dev/urandom")?.read_exact(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_what_docker_allows() {
        for bad in ["", "a", "-ab", ".ab", "a b", "a/b", "ä1"] {
            assert!(check(bad).is_err(), "{bad:?}");
        }
        assert!(check("a1_.-").is_ok());
    }

    #[test]
    fn an_id_is_64_digits_and_never_the_same() {
        let (one, two) = (random_id().unwrap(), random_id().unwrap());
        assert_eq!(one.len(), 64);
        assert_ne!(one, two);
    }
}
