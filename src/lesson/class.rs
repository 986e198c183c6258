//! Before a workshop: which class a laptop is in, and a code of sixteen letters that says so to whoever leads it.
//!
//! A code carries what was found, not what follows from it: who ran `explore doctor`, the kernel's release, and for each
//! need whether it is met. The class, and which lessons run, are worked out from that by the one rule, here or there.

use super::library::Library;
use super::need::{Way, way_with};
use super::run::Tier;
use crate::error::Explain;
use crate::kernel::feature;
use crate::probe::need::{self, Answer, Finding};
use data_encoding::{Encoding, Specification};
use serde::Serialize;
use sha2::{Digest, Sha256};

/// How the lessons can be followed on a machine, the most capable first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// Live, as root of the machine.
    Root,
    /// Live, in a user namespace that has a range of user numbers: files can have several owners.
    Subuids,
    /// Live, in a user namespace in which this user is the only one.
    SingleUid,
    /// In a virtual machine: `explore guest lesson NAME`.
    Guest,
    /// As recordings of other machines.
    Replay,
}

impl Class {
    /// All of them, in that order.
    pub const ALL: [Self; 5] = [Self::Root, Self::Subuids, Self::SingleUid, Self::Guest, Self::Replay];

    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Subuids => "subuids",
            Self::SingleUid => "single-uid",
            Self::Guest => "guest",
            Self::Replay => "replay",
        }
    }
}

/// How many lessons can be followed in which way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Lessons {
    /// On this kernel.
    pub live: usize,
    /// As recordings.
    pub replay: usize,
    /// Not at all.
    pub no: usize,
}

/// What a code says of a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Laptop {
    /// Whether root asked.
    pub root: bool,
    /// The kernel's release: (6, 18). What a code has no room for is cut: 31 and 63 are the highest.
    pub kernel: (u32, u32),
    /// Bit n: the n-th need of [`need::ids`] is not met.
    unmet: u64,
}

/// A code that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodeError {
    /// Too short, too long, other signs.
    #[error("{0:?} is no code: a code has sixteen letters and digits")]
    Shape(String),
    /// Its last letters do not go with the first.
    #[error("{0:?} has a letter wrong, or another version of explore made it")]
    Mistyped(String),
}

impl Explain for CodeError {
    fn hint(&self) -> Option<String> {
        Some("`explore doctor --class` prints it".into())
    }
}

/// Of the form; another one gets another number.
const FORM: u128 = 1;
const NEEDS: u32 = 48;
const CHECK: u32 = 16;

impl Laptop {
    /// What `findings`, all of them, say of this machine.
    pub fn of(findings: &[Finding]) -> Self {
        let bits = findings.iter().enumerate().map(|(bit, finding)| u64::from(!finding.answer.is_met()) << bit);
        Self { root: nix::unistd::geteuid().is_root(), kernel: cut(feature::release()), unmet: bits.sum() }
    }

    /// The class: live where the basic needs are met, else a guest where there can be one.
    pub fn class(&self) -> Class {
        let live = need::ids().all(|id| self.meets(id) || !need::is_basic(id, self.root));
        match (live, self.root) {
            (true, true) => Class::Root,
            (true, false) if self.meets("subuid") => Class::Subuids,
            (true, false) => Class::SingleUid,
            (false, _) if self.meets("guest") => Class::Guest,
            (false, _) => Class::Replay,
        }
    }

    /// The needs that are not met and that keep some lesson from running live, the basic ones first.
    pub fn lacking(&self, library: &Library) -> Vec<&'static str> {
        let asked = |id: &&str| library.pages.iter().any(|page| page.front.needs.iter().any(|need| need == id));
        let basic = |id: &&str| need::is_basic(id, self.root);
        let mut lacking: Vec<&str> = need::ids().filter(|id| !self.meets(id) && (asked(id) || basic(id))).collect();
        lacking.sort_by_key(|id| !basic(id));
        lacking
    }

    /// In which way how many lessons can be followed there.
    pub fn lessons(&self, library: &Library) -> Lessons {
        let tier = if self.root { Tier::Root } else { Tier::User };
        let unmet = || Answer::Unmet { why: String::new(), fix: None, who: None };
        let met = || Answer::Met { evidence: String::new() };
        let answer = |id: &str| if self.meets(id) { met() } else { unmet() };
        library.pages.iter().fold(Lessons::default(), |mut lessons, page| {
            *match way_with(page, tier, answer) {
                Way::Live { .. } => &mut lessons.live,
                Way::Replay { .. } => &mut lessons.replay,
                Way::No { .. } => &mut lessons.no,
            } += 1;
            lessons
        })
    }

    /// Its code: four groups of four letters, `08J3-0040-0M80-5XQ2`.
    pub fn code(&self) -> String {
        let said = self.bits();
        let bytes = (said << CHECK | check(said)).to_be_bytes();
        let letters = letters().encode(&bytes[6..]);
        let group = |at: usize| &letters[at..at + 4];
        [group(0), group(4), group(8), group(12)].join("-")
    }

    /// What a code says. Small letters, spaces and dashes are as good; O is 0, I and L are 1.
    ///
    /// # Errors
    /// [`CodeError`].
    pub fn read(code: &str) -> Result<Self, CodeError> {
        let bytes = letters().decode(code.as_bytes()).ok().filter(|bytes| bytes.len() == 10);
        let bytes = bytes.ok_or_else(|| CodeError::Shape(code.to_owned()))?;
        let all = bytes.iter().fold(0_u128, |all, byte| all << 8 | u128::from(*byte));
        let said = all >> CHECK;
        if said >> 60 != FORM || all & ((1 << CHECK) - 1) != check(said) {
            return Err(CodeError::Mistyped(code.to_owned()));
        }
        let part = |from: u32, bits: u32| u64::try_from(said >> from & ((1 << bits) - 1)).unwrap_or_default();
        let number = |from: u32, bits: u32| u32::try_from(part(from, bits)).unwrap_or_default();
        let kernel = (number(NEEDS + 6, 5), number(NEEDS, 6));
        Ok(Self { root: part(NEEDS + 11, 1) == 1, kernel, unmet: part(0, NEEDS) })
    }

    /// Form (4 bits), root (1), release (5, 6), needs (48).
    fn bits(&self) -> u128 {
        let kernel = u128::from(self.kernel.0) << 6 | u128::from(self.kernel.1);
        (FORM << 12 | u128::from(self.root) << 11 | kernel) << NEEDS | u128::from(self.unmet)
    }

    fn meets(&self, id: &str) -> bool {
        need::ids().position(|known| known == id).is_some_and(|bit| self.unmet >> bit & 1 == 0)
    }
}

fn cut((major, minor): (u32, u32)) -> (u32, u32) {
    (major.min(31), minor.min(63))
}

/// Sixteen bits that go with `said`, and with the list of needs: the bits of another list mean something else.
fn check(said: u128) -> u128 {
    let mut hash = Sha256::new();
    for id in need::ids() {
        hash.update(id);
        hash.update(" ");
    }
    hash.update(said.to_be_bytes());
    let hash = hash.finalize();
    u128::from(hash[0]) << 8 | u128::from(hash[1])
}

/// Crockford's base 32: no letter that is easily taken for another one.
fn letters() -> Encoding {
    let mut form = Specification::new();
    form.symbols.push_str("0123456789ABCDEFGHJKMNPQRSTVWXYZ");
    form.translate.from.push_str("abcdefghjkmnpqrstvwxyzOoIiLl");
    form.translate.to.push_str("ABCDEFGHJKMNPQRSTVWXYZ001111");
    form.ignore.push_str("- ");
    form.encoding().unwrap_or_else(|error| unreachable!("{error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn laptop(root: bool, unmet: &[&str]) -> Laptop {
        let bit = |id: &&str| 1_u64 << need::ids().position(|known| known == *id).unwrap();
        Laptop { root, kernel: (6, 18), unmet: unmet.iter().map(bit).sum() }
    }

    #[test]
    fn a_code_brings_back_what_was_found() {
        assert!(need::ids().count() <= NEEDS as usize, "a code has no room for more needs: it needs another form");
        let all: Vec<&str> = need::ids().collect();
        for laptop in [laptop(true, &[]), laptop(false, &["subuid", "guest"]), laptop(false, &all)] {
            let code = laptop.code();
            assert_eq!(code.len(), 19, "{code}");
            assert_eq!(Laptop::read(&code).unwrap(), laptop);
            let spoken = code.to_lowercase().replace('-', " ").replace('0', "o").replace('1', "l");
            assert_eq!(Laptop::read(&spoken).unwrap(), laptop, "{spoken}");
        }
    }

    #[test]
    fn one_letter_wrong_is_noticed_wherever_it_stands() {
        let code = laptop(false, &["subuid", "cgroup-io"]).code();
        for (at, letter) in code.char_indices().filter(|(_, letter)| *letter != '-') {
            let mut wrong = code.clone();
            wrong.replace_range(at..=at, if letter == '7' { "8" } else { "7" });
            assert_eq!(Laptop::read(&wrong), Err(CodeError::Mistyped(wrong.clone())), "{code}");
        }
        for shape in ["", "1234", "UUUU-UUUU-UUUU-UUUU", "hello", "一二三四"] {
            assert_eq!(Laptop::read(shape), Err(CodeError::Shape(shape.into())));
        }
    }

    #[test]
    fn the_class_is_that_of_what_is_there() {
        let class = |root, unmet: &[&str]| laptop(root, unmet).class();
        assert_eq!(class(true, &["subuid", "unprivileged-userns", "guest"]), Class::Root);
        assert_eq!(class(false, &["cgroup-memory", "guest"]), Class::Subuids);
        assert_eq!(class(false, &["subuid"]), Class::SingleUid);
        assert_eq!(class(false, &["unprivileged-userns"]), Class::Guest);
        assert_eq!(class(true, &["mount-namespace"]), Class::Guest);
        assert_eq!(class(true, &["mount-namespace", "guest"]), Class::Replay);
    }

    #[test]
    fn what_is_lacking_is_what_a_lesson_would_use() {
        let library = Library::built_in();
        let whole = laptop(true, &[]);
        assert_eq!((whole.lessons(&library).live, whole.lacking(&library)), (library.pages.len(), vec![]));
        let poor = laptop(false, &["cgroup-memory", "pid-namespace", "locale"]);
        assert_eq!(poor.lacking(&library), ["pid-namespace", "cgroup-memory"]);
        let lessons = poor.lessons(&library);
        assert!(lessons.live > 0 && lessons.replay > 0, "{lessons:?}");
        assert_eq!(lessons.live + lessons.replay + lessons.no, library.pages.len());
    }
}
