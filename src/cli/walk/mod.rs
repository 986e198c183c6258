//! `explore walk`: what `docker run` does, stage by stage, on this machine.

mod render;
mod talk;

use super::attach::{self, AttachError, Left, Wanted};
use super::pulling::{Lines, Shown};
use super::{Context, compare, explained};
use crate::exit::Exit;
use crate::kernel::namespace::Kind;
use crate::kernel::process::Ended;
use crate::kernel::user;
use crate::probe;
use crate::stages::create::{self, Container, Network, Request};
use crate::stages::{connection, exec, exit, layer, network};
use crate::state::{Claim, Effect, Entry, Journal, ProcessIdentity, Roots};
use crate::walk::{self, Change, DockerCommand, Observed, Stage};
use serde::Serialize;
use std::io::IsTerminal;
use std::os::fd::AsFd;

#[derive(Debug, clap::Args)]
#[command(after_help = "Without a terminal, or with --yes, nothing is asked and a few commands are typed for you.\n\
    At each stop: Enter goes on, q ends the walk and takes everything back.")]
pub(super) struct Args {
    /// Ask nothing, type a few commands, and remove the container at the end
    #[arg(short, long)]
    yes: bool,
    /// What would follow `docker run`, after `--`
    #[arg(last = true, value_name = "-it IMAGE COMMAND", allow_hyphen_values = true)]
    words: Vec<String>,
}

/// What one stage has changed.
#[derive(Debug, Serialize)]
struct Report {
    stage: Stage,
    machine: Vec<Change>,
    inside: Vec<Change>,
    /// What was typed into the container, and what it said.
    said: Vec<(String, String)>,
    /// How it ended, once it has.
    ended: Option<Ended>,
}

/// The walk, on its way.
struct Walk<'a> {
    context: &'a mut Context,
    roots: Roots,
    command: DockerCommand,
    /// Somebody sits there and answers.
    live: bool,
    container: Option<Container>,
    /// Says in the journal that the container goes if this walk is killed.
    promise: Option<Entry>,
    before: Observed,
    reports: Vec<Report>,
}

/// Whether to go on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    On,
    Quit,
}

pub(super) fn run(args: &Args, context: &mut Context) -> anyhow::Result<Exit> {
    let live = !args.yes && !context.screen.json && context.screen.terminal && std::io::stdin().is_terminal();
    let default = || vec![if live { "-it" } else { "-i" }.to_owned(), "demo".to_owned(), "sh".to_owned()];
    let words = if args.words.is_empty() { default() } else { args.words.clone() };
    let mut command = DockerCommand::parse(&words).map_err(explained)?;
    // Nobody is there to look at a terminal.
    command.terminal &= live;
    let roots = context.roots()?;
    let before = walk::shared(&roots);
    let mut walk = Walk { context, roots, command, live, container: None, promise: None, before, reports: Vec::new() };
    let walked = walk.all();
    let removed = walk.remove();
    walked?;
    removed?;
    walk.close()
}

impl Walk<'_> {
    fn all(&mut self) -> anyhow::Result<()> {
        self.print(&render::opening(&self.command, self.context.screen.width, self.context.catalog()))?;
        for stage in Stage::ALL {
            self.print(&render::heading(stage, self.context.screen.width, self.context.catalog()))?;
            if self.stop()? == Next::Quit {
                return Ok(());
            }
            match stage {
                Stage::Pull => self.pull()?,
                Stage::Create => self.create()?,
                Stage::Layer => self.layer()?,
                Stage::Network => self.network()?,
                Stage::Exec => self.exec()?,
                Stage::Exit => self.exit()?,
            }
        }
        Ok(())
    }

    /// A stop, where somebody is there to stop for.
    fn stop(&mut self) -> anyhow::Result<Next> {
        if !self.live {
            return Ok(Next::On);
        }
        self.print(&self.context.say("[Enter] go on   [q] end the walk "))?;
        let mut line = String::new();
        let length = std::io::stdin().read_line(&mut line)?;
        Ok(if length == 0 || line.trim() == "q" { Next::Quit } else { Next::On })
    }

    fn pull(&mut self) -> anyhow::Result<()> {
        let was_here = crate::image::find(&self.roots, &self.command.image).is_ok();
        if !was_here {
            let missing = format!("Unable to find image '{}' locally", self.command.image);
            self.say(&missing)?;
        }
        // Twice where it was not here: both branches of the stage are shown.
        for _ in 0..(2 - usize::from(was_here)) {
            let mut lines = Lines::new(if self.context.screen.json { Shown::Nothing } else { Shown::Stdout });
            let pulled = super::pull::pull(&self.roots, &self.command.image, self.context, &mut lines);
            lines.clear();
            let pulled = pulled?;
            let status = if pulled.already_here { "Image is up to date for" } else { "Downloaded newer image for" };
            let status = format!("Status: {status} {}", pulled.image.reference);
            self.say(&status)?;
            self.print("\n")?;
        }
        self.context.enter(&self.roots)?;
        self.show(Stage::Pull)
    }

    fn create(&mut self) -> anyhow::Result<()> {
        let request = Request {
            image: self.command.image.clone(),
            command: self.command.command.clone(),
            network: Network::Bridge,
            interactive: self.command.interactive,
            terminal: self.command.terminal,
            ..Request::default()
        };
        let id = create::random_id().map_err(create::CreateError::Random).map_err(explained)?;
        let path = create::folder(&self.roots, &id);
        let claim = Claim { owner: format!("walk/{id}"), holder: Some(ProcessIdentity::myself()) };
        // Before it is there: whoever is killed leaves a promise without a container, never a container without a promise.
        self.promise =
            Some(Journal::at(self.roots.journal()).announce(&claim, Effect::Path { path }).map_err(explained)?);
        let container = create::create_as(&self.roots, &request, id).map_err(explained)?;
        let name = self.context.say(&format!("Its name is {}.", container.name));
        self.print(&format!("{}\n{name}\n\n", container.id))?;
        self.container = Some(container);
        self.show(Stage::Create)
    }

    fn layer(&mut self) -> anyhow::Result<()> {
        let Some(container) = &mut self.container else { return Ok(()) };
        let union = layer::mount_here(&self.roots, container, Some(ProcessIdentity::myself())).map_err(explained)?;
        let width = self.context.screen.width;
        self.print(&render::union(&union, &self.roots, width, self.context.catalog()))?;
        self.show(Stage::Layer)
    }

    fn network(&mut self) -> anyhow::Result<()> {
        let Some(container) = &self.container else { return Ok(()) };
        let holder = Some(ProcessIdentity::myself());
        let netns = network::pin(&self.roots, &container.id, holder).map_err(explained)?;
        let made = connection::set_up(&self.roots, container, netns.as_fd(), holder).map_err(explained)?;
        for note in made.leases.iter().flat_map(|lease| &lease.notes) {
            self.say(&format!("Note: {note}"))?;
        }
        self.show(Stage::Network)
    }

    fn exec(&mut self) -> anyhow::Result<()> {
        let Some(container) = self.container.clone() else { return Ok(()) };
        let attachment = exec::start(&self.roots, &container, true, &[]).map_err(explained)?;
        self.show(Stage::Exec)?;
        self.compare(&container)?;
        let (said, ended) = self.converse(&attachment, &talk::FIRST, render::TRY)?;
        if let Some(report) = self.reports.last_mut() {
            (report.said, report.ended) = (said, Some(ended));
        }
        Ok(())
    }

    /// The two sides, while both are there. This side is the shell that the walk was typed into: without root the walk
    /// itself stands in the keeper's namespaces by now.
    fn compare(&mut self, container: &Container) -> anyhow::Result<()> {
        let Some(running) = exec::running(&self.roots, &container.id) else { return Ok(()) };
        let outside = probe::look(nix::unistd::getppid().as_raw());
        let inside = probe::look(running.init.pid);
        let subject = create::kinds(&create::spec(&self.roots, &container.id).map_err(explained)?);
        // Without root the user namespace is new as well: it is what gives the right to make the others.
        let helpers = if user::in_user_namespace() { vec![Kind::User] } else { Vec::new() };
        let comparison = probe::compare(&outside, &inside, &subject, &helpers);
        let style =
            compare::Style { catalog: Some(self.context.catalog()), ..compare::Style::of(&self.context.screen) };
        let text = compare::render(&comparison, self.context.screen.width, style);
        self.say("The same questions, asked out here and in there:")?;
        self.print(&format!("\n{text}\n"))
    }

    /// Hands over the terminal; or types, where nobody is there to.
    fn converse(
        &mut self,
        attachment: &exec::Attachment,
        lines: &[&str],
        invitation: &str,
    ) -> anyhow::Result<(Vec<(String, String)>, Ended)> {
        if self.live && self.command.interactive {
            self.print(&format!("{}\n\n", self.context.say(invitation)))?;
            let terminal = self.command.terminal;
            let wanted = Wanted { input: true, terminal, keys: None, pass_signals: true, output: [true; 2] };
            return match attach::attach(attachment, &wanted)? {
                Left::Ended(ended) => Ok((Vec::new(), ended)),
                // There are no keys for that here.
                Left::Detached | Left::Signal(_) => Err(explained(AttachError::Died)),
            };
        }
        let lines = if self.command.interactive { lines } else { &[] };
        let (said, ended) = talk::talk(attachment, lines)?;
        for (typed, answer) in &said {
            self.print(&render::said(typed, answer))?;
        }
        Ok((said, ended))
    }

    fn exit(&mut self) -> anyhow::Result<()> {
        network::settle(&self.roots).map_err(explained)?;
        self.show(Stage::Exit)?;
        let Some(container) = self.container.clone() else { return Ok(()) };
        let container = create::find(&self.roots, &container.id).map_err(explained)?;
        let code = exit::code(&container);
        self.say(&format!("Exit code {code}: `explore ps -a` would show it for as long as the container is there."))?;
        loop {
            if self.live && !self.again()? {
                return Ok(());
            }
            self.print("\n")?;
            self.say("Start it again: the same ID, the same name, the same upper; another PID 1.")?;
            let attachment = exec::start(&self.roots, &container, true, &[]).map_err(explained)?;
            let (said, _) = self.converse(&attachment, &talk::SECOND, render::LOOK)?;
            if let Some(report) = self.reports.last_mut() {
                report.said = said;
            }
            if !self.live {
                return Ok(());
            }
        }
    }

    fn again(&mut self) -> anyhow::Result<bool> {
        self.print(&format!("\n{}", self.context.say("[s] start it again and look   [Enter] remove it ")))?;
        let mut line = String::new();
        std::io::stdin().read_line(&mut line)?;
        Ok(line.trim() == "s")
    }

    /// Everything that the walk has made goes, whatever came between.
    fn remove(&mut self) -> anyhow::Result<()> {
        let container = self.container.take();
        let removed =
            container.map_or(Ok(()), |container| exit::remove(&self.roots, &container, true, exit::Volumes::Anonymous));
        if let (Ok(()), Some(promise)) = (&removed, self.promise.take()) {
            Journal::at(self.roots.journal()).forget(&promise);
        }
        removed.map_err(explained)
    }

    /// What a stage has changed, in two columns.
    fn show(&mut self, stage: Stage) -> anyhow::Result<()> {
        let now = walk::observe(&self.roots, &self.command.image, self.container.as_ref());
        let [machine, inside] = now.since(&self.before);
        let first = self.reports.is_empty();
        self.before = now;
        let none_yet = self.before.inside.is_empty() && inside.is_empty();
        let width = self.context.screen.width;
        self.print(&render::changes((&machine, first), (&inside, none_yet), width, self.context.catalog()))?;
        self.say(stage.answer())?;
        self.print("\n")?;
        self.reports.push(Report { stage, machine, inside, said: Vec::new(), ended: None });
        Ok(())
    }

    fn close(&mut self) -> anyhow::Result<Exit> {
        if self.context.screen.json {
            self.context
                .screen
                .data(&serde_json::json!({ "schema": 1, "command": self.command, "stages": self.reports }))?;
        } else {
            self.print(&render::closing(&self.command.image, self.context.screen.width, self.context.catalog()))?;
        }
        Ok(Exit::Ok)
    }

    /// A paragraph in the reader's language.
    fn say(&mut self, english: &str) -> anyhow::Result<()> {
        self.print(&render::paragraph(&self.context.say(english), self.context.screen.width))
    }

    fn print(&mut self, text: &str) -> anyhow::Result<()> {
        if !self.context.screen.json {
            self.context.screen.print(text)?;
        }
        Ok(())
    }
}
