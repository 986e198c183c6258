//! `explore ns profiles`: what systems before Docker isolated, and Docker then and now.

use crate::cli::Context;
use crate::cli::columns::wrap;
use crate::exit::Exit;
use crate::stages::place::{Isolation, Profile, Root};
use clap::ValueEnum;
use serde_json::json;

const BUILT: &str = "Each is put together from what today's Linux has. It shows what a mechanism covered and what not, and is \
                     not the system itself:";

pub(super) fn list(context: &mut Context) -> anyhow::Result<Exit> {
    let all: Vec<Isolation> = Profile::value_variants().iter().map(|profile| profile.isolation()).collect();
    if context.screen.json {
        let told = |one: &Isolation| {
            let mut told = serde_json::to_value(one).unwrap_or_default();
            told["capabilities"] = json!(one.capabilities().names());
            told["filter"] = json!(one.has_filter());
            told
        };
        context.screen.data(&all.iter().map(told).collect::<Vec<_>>())?;
        return Ok(Exit::Ok);
    }
    let rows: Vec<[String; 6]> = all.iter().map(row).collect();
    context.screen.table(["SYSTEM", "SINCE", "NAMESPACES", "ROOT", "CAPS", "FILTER"], &rows)?;
    let width = context.screen.width;
    let mut text = String::from("\n");
    let mut say = |words: &str, indent: usize| {
        for line in wrap(words, width, indent) {
            text.push_str(&line);
            text.push('\n');
        }
    };
    let catalog = context.catalog();
    say(&catalog.sentence(BUILT), 0);
    for one in &all {
        say(&format!("{}: {} [{}]", name(one.profile), catalog.sentence(one.apart), one.source), 2);
    }
    context.screen.print(&text)?;
    Ok(Exit::Ok)
}

fn name(profile: Profile) -> String {
    profile.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
}

fn row(one: &Isolation) -> [String; 6] {
    let kinds: Vec<&str> = one.kinds.iter().map(|kind| kind.link()).collect();
    let root = match one.root {
        Root::Chroot => "chroot",
        Root::Pivot => "pivot",
    };
    let filter = if one.has_filter() { "yes" } else { "-" };
    let kinds = if kinds.is_empty() { "-".to_owned() } else { kinds.join(",") };
    let capabilities = one.capabilities().0.count_ones().to_string();
    [name(one.profile), one.year.to_owned(), kinds, root.to_owned(), capabilities, filter.to_owned()]
}
