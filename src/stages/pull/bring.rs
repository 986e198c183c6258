//! All layers of an image at once: fetched, digested, inflated and placed in one pass.
//!
//! ```text
//!             ┌ one thread ───────────────┐   ┌ another ──────────────┐   ┌ a third ─────┐
//!   registry ─┤ receive, digest, write to ├──►│ inflate, digest again ├──►│ place files  │
//!             └ the blob's file ──────────┘   └───────────────────────┘   └──────────────┘
//! ```
//! Three layers at a time, as Docker does. A layer gets its folder's name only after both its digests were found right and
//! the layer below has its own: what lies under a name in the store is whole, and stands on something whole. All threads
//! have ended when this returns, for what comes next forks.

use super::{Progress, PullError, Step};
use crate::image::growing::{Follower, Growing};
use crate::image::layers::{self, Unpacking};
use crate::image::layout::Layout;
use crate::image::limits::Limits;
use crate::image::registry::client::Client;
use crate::image::{ImageError, IngestError, LayerOnDisk, Slot, ingest};
use crate::kernel::thread;
use crate::state::Roots;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::Read;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// dockerd's `--max-concurrent-downloads`.
const AT_ONCE: usize = 3;

/// What became of a layer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Brought {
    /// Whether it had to be fetched.
    pub(super) fetched: bool,
    /// Bytes that came over the network.
    pub(super) bytes: u64,
    /// Whether it had to be unpacked, and was.
    pub(super) unpacked: bool,
    /// Whether its end has been told.
    pub(super) told: bool,
}

/// The work.
pub(super) struct Bring<'a> {
    pub(super) roots: &'a Roots,
    pub(super) layout: &'a Layout,
    /// Base first.
    pub(super) layers: &'a [LayerOnDisk],
    /// Where blobs come from that are not here, and the image's name for messages.
    pub(super) source: Option<(&'a Client, &'a str)>,
    /// Whether to unpack here.
    pub(super) unpack: bool,
    pub(super) limits: &'a Limits,
}

/// What one thread tells of a layer.
#[derive(Clone, Copy)]
enum Told {
    Exists,
    Downloading(u64),
    Downloaded,
    Unpacking(u64),
    Complete,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Settled {
    Pending,
    Done,
    Failed,
}

/// What the threads share.
struct Shared {
    next: AtomicUsize,
    stop: AtomicBool,
    settled: Mutex<Vec<Settled>>,
    changed: Condvar,
    results: Mutex<Vec<Option<Result<Brought, Failure>>>>,
}

enum Failure {
    /// Because of another layer.
    Stopped,
    Pull(Box<PullError>),
}

impl<E: Into<PullError>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Pull(Box::new(error.into()))
    }
}

impl Bring<'_> {
    /// Does it all. What became of each layer, base first.
    pub(super) fn run(&self, progress: &mut dyn Progress) -> Result<Vec<Brought>, PullError> {
        let count = self.layers.len();
        let shared = Shared {
            next: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
            settled: Mutex::new(vec![Settled::Pending; count]),
            changed: Condvar::new(),
            results: Mutex::new((0..count).map(|_| None).collect()),
        };
        let texts: Vec<String> = self.layers.iter().map(|layer| layer.digest.to_string()).collect();
        let before = thread::count();
        std::thread::scope(|scope| {
            let (tell, told) = channel();
            let begun = (0..self.workers()).filter(|_| {
                let (tell, shared) = (tell.clone(), &shared);
                let thread = std::thread::Builder::new().name("layer".to_owned());
                thread.spawn_scoped(scope, move || self.work(shared, &tell)).is_ok()
            });
            if begun.count() == 0 {
                self.work(&shared, &tell);
            }
            drop(tell);
            for (layer, what) in told {
                progress.step(step(what, &texts[layer], self.layers[layer].size));
            }
        });
        // A thread that was joined is still listed for a moment, and setns(2) counts what is listed.
        thread::wait_until_at_most(before);
        let results = shared.results.into_inner().unwrap_or_else(PoisonError::into_inner);
        collect(results)
    }

    /// None where there is nothing to do that takes time.
    fn workers(&self) -> usize {
        let has_work = |layer: &&LayerOnDisk| {
            !self.layout.has(&layer.digest, layer.size) || (self.unpack && !layer.is_unpacked().unwrap_or(false))
        };
        self.layers.iter().filter(has_work).count().min(AT_ONCE)
    }

    /// Layer by layer, in order: so the one below has always been begun before.
    fn work(&self, shared: &Shared, tell: &Sender<(usize, Told)>) {
        loop {
            let number = shared.next.fetch_add(1, Ordering::Relaxed);
            if number >= self.layers.len() {
                return;
            }
            let one = One { bring: self, shared, tell, number, layer: &self.layers[number] };
            let result = if shared.stop.load(Ordering::Relaxed) { Err(Failure::Stopped) } else { one.bring() };
            shared.end(number, result);
        }
    }
}

impl Shared {
    fn end(&self, number: usize, result: Result<Brought, Failure>) {
        let settled = if result.is_ok() { Settled::Done } else { Settled::Failed };
        if result.is_err() {
            self.stop.store(true, Ordering::Relaxed);
        }
        self.results.lock().unwrap_or_else(PoisonError::into_inner)[number] = Some(result);
        self.settled.lock().unwrap_or_else(PoisonError::into_inner)[number] = settled;
        self.changed.notify_all();
    }

    /// Waits for the layer below.
    fn wait_below(&self, number: usize) -> Result<(), Failure> {
        let Some(below) = number.checked_sub(1) else { return Ok(()) };
        let mut settled = self.settled.lock().unwrap_or_else(PoisonError::into_inner);
        while settled[below] == Settled::Pending {
            settled = self.changed.wait(settled).unwrap_or_else(PoisonError::into_inner);
        }
        if settled[below] == Settled::Done { Ok(()) } else { Err(Failure::Stopped) }
    }
}

/// The first real failure, from the base up.
fn collect(results: Vec<Option<Result<Brought, Failure>>>) -> Result<Vec<Brought>, PullError> {
    let mut all = Vec::new();
    let mut stopped = false;
    for result in results {
        match result {
            Some(Ok(brought)) => all.push(brought),
            Some(Err(Failure::Pull(error))) => return Err(*error),
            Some(Err(Failure::Stopped)) | None => stopped = true,
        }
    }
    if stopped { Err(PullError::Listen(std::io::Error::other("a thread has ended early"))) } else { Ok(all) }
}

fn step(told: Told, layer: &str, total: u64) -> Step<'_> {
    match told {
        Told::Exists => Step::Exists { layer },
        Told::Downloading(done) => Step::Downloading { layer, done, total },
        Told::Downloaded => Step::Downloaded { layer },
        Told::Unpacking(bytes) => Step::Unpacking { layer, bytes },
        Told::Complete => Step::Complete { layer },
    }
}

/// To tell of each file means to wake the one who listens 28,000 times in a gigabyte, and to be put aside for it.
#[derive(Default)]
struct NowAndThen {
    next: u64,
}

impl NowAndThen {
    const STEP: u64 = 1 << 20;

    /// For the first bytes, and a mebibyte later each time.
    fn is_due(&mut self, bytes: u64) -> bool {
        let due = bytes >= self.next;
        if due {
            self.next = bytes + Self::STEP;
        }
        due
    }
}

/// One layer.
struct One<'a> {
    bring: &'a Bring<'a>,
    shared: &'a Shared,
    tell: &'a Sender<(usize, Told)>,
    number: usize,
    layer: &'a LayerOnDisk,
}

impl One<'_> {
    fn say(&self, what: Told) {
        // Nobody listens any more where the whole is ending.
        let _ = self.tell.send((self.number, what));
    }

    fn bring(&self) -> Result<Brought, Failure> {
        let Bring { layout, source, unpack, .. } = *self.bring;
        let (digest, size) = (&self.layer.digest, self.layer.size);
        let wants_unpacking = unpack && !self.layer.is_unpacked()?;
        let slot = if source.is_some() { layout.take_over(digest, size)? } else { None };
        let mut brought = Brought::default();
        let placed = match slot {
            None if wants_unpacking => {
                let blob = layout.open_blob(digest)?;
                self.place(Box::new(blob))?
            }
            None => None,
            Some(slot) => {
                let growing = Arc::new(Growing::default());
                let made = File::options().create(true).append(true).open(&slot.path);
                drop(made.map_err(ImageError::store("cannot write", &slot.path))?);
                let read = File::open(&slot.path).map_err(ImageError::store("cannot read", &slot.path))?;
                let follower = Follower::new(read, growing.clone());
                brought.fetched = true;
                if wants_unpacking {
                    let (received, placed) = self.receive_and_place(slot, &growing, follower);
                    // What was unpacked from a wrong blob fails for that reason, whatever it says itself.
                    brought.bytes = received?;
                    placed?
                } else {
                    brought.bytes = self.receive(slot, &growing)?;
                    None
                }
            }
        };
        brought.unpacked = placed.is_some();
        // Also for one that is unpacked by now: whoever did that has had the layer below first.
        if let Some(unpacking) = placed {
            self.shared.wait_below(self.number)?;
            unpacking.settle(self.layer, &self.bring.layers[..self.number])?;
        }
        if unpack {
            let is_new = brought.fetched || brought.unpacked;
            self.say(if is_new { Told::Complete } else { Told::Exists });
            brought.told = true;
        }
        Ok(brought)
    }

    /// Both at once; one after the other where no thread can be had.
    fn receive_and_place(
        &self,
        slot: Slot,
        growing: &Growing,
        follower: Follower,
    ) -> (Result<u64, Failure>, Result<Option<Unpacking>, Failure>) {
        let slot = Mutex::new(Some(slot));
        let take = || slot.lock().unwrap_or_else(PoisonError::into_inner).take();
        let receive = || take().map_or(Err(Failure::Stopped), |slot| self.receive(slot, growing));
        std::thread::scope(|scope| {
            let thread = std::thread::Builder::new().name("receive".to_owned()).spawn_scoped(scope, receive);
            let Ok(thread) = thread else { return (receive(), self.place(Box::new(follower))) };
            let placed = self.place(Box::new(follower));
            (thread.join().unwrap_or(Err(Failure::Stopped)), placed)
        })
    }

    fn place(&self, blob: Box<dyn Read + Send>) -> Result<Option<Unpacking>, Failure> {
        let Some(mut unpacking) = layers::begin(self.bring.roots, self.layer)? else { return Ok(None) };
        let mut progress = NowAndThen::default();
        let mut on_bytes = |bytes| {
            if progress.is_due(bytes) {
                self.say(Told::Unpacking(bytes));
            }
        };
        unpacking.place(self.layer, blob, self.bring.limits, &mut on_bytes)?;
        Ok(Some(unpacking))
    }

    /// Fetches the blob.
    fn receive(&self, slot: Slot, growing: &Growing) -> Result<u64, Failure> {
        let Some((client, name)) = self.bring.source else { return Err(Failure::Stopped) };
        let (digest, size) = (&self.layer.digest, self.layer.size);
        let mut progress = NowAndThen::default();
        let mut on_bytes = |bytes| {
            if progress.is_due(bytes) {
                self.say(Told::Downloading(bytes));
            }
            !self.shared.stop.load(Ordering::Relaxed)
        };
        let open = |at| client.blob(digest, at);
        let bytes = ingest(self.bring.layout, slot, (digest, size), growing, open, &mut on_bytes);
        let bytes = bytes.map_err(|error| match error {
            IngestError::Stopped => Failure::Stopped,
            IngestError::Image(error) => error.into(),
            IngestError::Registry(source) => PullError::Registry { name: name.to_owned(), source }.into(),
        })?;
        self.say(Told::Downloaded);
        Ok(bytes)
    }
}
