//! How each section comes to its verdicts.

mod links;
mod place;
mod processes;

pub(super) use links::links;
pub(super) use place::place;
pub(super) use processes::processes;

use super::{Group, NamespaceRow, Section, UnameRow, Verdict};
use crate::kernel::namespace::Kind;
use crate::probe::{Fact, Facts, Uname};

/// The verdict on two facts: equal only if both are known and equal.
fn verdict<T: PartialEq>(outside: &Fact<T>, inside: &Fact<T>) -> Verdict {
    match (outside, inside) {
        (Fact::Known(a), Fact::Known(b)) if a == b => Verdict::Same,
        (Fact::Known(_), Fact::Known(_)) => Verdict::Differs,
        (_, Fact::Denied(why)) => Verdict::Denied(why.clone()),
        (_, Fact::Unknown(why)) => Verdict::Unknown(why.clone()),
        (Fact::Denied(why), _) => Verdict::Denied(format!("outside: {why}")),
        (Fact::Unknown(why), _) => Verdict::Unknown(format!("outside: {why}")),
    }
}

/// What the verdicts of a section come to.
fn section<'a, R: 'a>(rows: Vec<R>, verdict_of: impl Fn(&R) -> &Verdict) -> Section<R> {
    let untold = rows.iter().map(&verdict_of).find(|verdict| verdict.why().is_some()).cloned();
    let all_same = rows.iter().all(|row| *verdict_of(row) == Verdict::Same);
    let verdict = untold.unwrap_or(if all_same { Verdict::Same } else { Verdict::Differs });
    Section { verdict, rows }
}

pub(super) fn namespaces(outside: &Facts, inside: &Facts, subject: &[Kind], helpers: &[Kind]) -> Section<NamespaceRow> {
    let missing = || Fact::Unknown("not looked at".to_owned());
    let expecting = !(subject.is_empty() && helpers.is_empty());
    let row = |kind: Kind| {
        let of = |facts: &Facts| facts.namespaces.get(&kind).cloned().unwrap_or_else(missing);
        let (outside, inside) = (of(outside), of(inside));
        let verdict = verdict(&outside, &inside);
        let group = match kind {
            kind if subject.contains(&kind) => Group::Subject,
            kind if helpers.contains(&kind) => Group::Helper,
            _ => Group::Rest,
        };
        let as_expected = match verdict {
            Verdict::Same => Some(group == Group::Rest),
            Verdict::Differs => Some(group != Group::Rest),
            _ => None,
        };
        NamespaceRow { kind, group, verdict, as_expected: as_expected.filter(|_| expecting), outside, inside }
    };
    let mut rows: Vec<NamespaceRow> = Kind::ALL.into_iter().map(row).collect();
    rows.sort_by_key(|row| (row.group, row.kind));
    section(rows, |row| &row.verdict)
}

type Field = (&'static str, fn(&Uname) -> &String);

pub(super) fn uname(outside: &Facts, inside: &Facts) -> Section<UnameRow> {
    let fields: [Field; 6] = [
        ("sysname", |uname| &uname.sysname),
        ("nodename", |uname| &uname.nodename),
        ("release", |uname| &uname.release),
        ("version", |uname| &uname.version),
        ("machine", |uname| &uname.machine),
        ("domainname", |uname| &uname.domainname),
    ];
    let row = |(field, get): Field| {
        let of = |facts: &Facts| facts.uname.clone().map(|uname| get(&uname).clone());
        let (outside, inside) = (of(outside), of(inside));
        UnameRow {
            field: field.to_owned(),
            verdict: verdict(&outside, &inside),
            outside: outside.known().cloned(),
            inside: inside.known().cloned(),
        }
    };
    section(fields.into_iter().map(row).collect(), |row| &row.verdict)
}
