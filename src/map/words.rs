//! What pictures say themselves, for a catalog to translate. Names of files, calls and fields stay as they are. The
//! reasons of a run's calls are told by the stages, in English, and put into the reader's language where they are shown.

use crate::lesson::words::{Word, words};

words! {
    /// Title.
    STAGES = "docker run, stage by stage: what each has changed";
    /// Node.
    STAGE = "{number} of {all}: {stage}";
    /// Before what changed there.
    INSIDE = "in the container's own namespaces";
    /// Before network interfaces that a stage has changed.
    INTERFACES = "interface {names}";
    /// Before processes that a stage has changed.
    PROCESSES = "process {names}";
    /// Before kinds of namespace that a stage has changed.
    NAMESPACES_OF = "namespaces, {whose}: {names}";
    /// Title.
    LAYERS = "The layers of {of}";
    /// A union: where it is.
    MOUNTED_HERE = "the union, mounted here";
    /// A union: where it is.
    MOUNTED_INSIDE = "the union, mounted only where the container runs";
    /// Node.
    SEEN = "/ as the container sees it";
    /// Node.
    UPPER = "upper (read-write)";
    /// Node.
    MOUNT_POINTS = "mount points (read-only)";
    /// Node.
    LAYER = "layer {number} of {all} (read-only)";
    /// Edge.
    LOOKS_FIRST = "looks first in";
    /// Edge.
    THEN_IN = "then in";
    /// Line of a layer.
    LACKS = "what the image lacks: {names}";
    /// Line of a layer.
    CHAIN_ID = "chain ID {digest}";
    /// Line of a layer.
    HOLDS = "{entries} entries, {size} of files";
    /// Line of a layer.
    MADE_BY = "made by: {step}";
    /// Line of an upper.
    WRITTEN = "written {path}";
    /// Line of an upper.
    DELETED = "deleted {path}";
    /// Line of an upper.
    EMPTY = "empty: nothing was written yet";
    /// Line: the rest.
    MORE = "and {number} more";
    /// Title.
    STAND = "Namespaces, and who stands in them";
    /// Node.
    MACHINE = "this machine, as you stand in it";
    /// Line of a place.
    OTHERS = "{number} processes that stand where you stand";
    /// Note.
    UNSEEN = "processes whose namespaces cannot be read, because they are another user's or have ended: {number}";
    /// Line of a place.
    PROCESS = "PID {pid}: {command}";
    /// Line of a place.
    PROCESS_TWICE = "PID {pid}, here {inner}: {command}";
    /// Node.
    ON_THE_WAY = "a place on the way";
    /// Node.
    CONTAINER = "container {name}";
    /// Line of a place.
    SHARED = "shared with the place above: {kinds}";
    /// Title.
    WAY_OUT = "The way out of {of}";
    /// Node.
    IN_CONTAINER = "{name} in the container";
    /// Line of a link.
    GONE = "gone";
    /// Edge.
    CABLE = "veth: one cable, two ends";
    /// Edge.
    PORT_OF = "a port of";
    /// Node.
    BRIDGE = "{name} (bridge)";
    /// Line of a link.
    ROUTE = "route {to}";
    /// Line of a link.
    ROUTE_VIA = "route {to} via {ip}";
    /// Line of a link.
    PUBLISHED = "published: {at}:{port} -> {to}";
    /// Node.
    NO_FURTHER = "no further";
    /// Node.
    TABLE = "table {name} (packet filter)";
    /// Node.
    NO_RULE = "no rule of ours in the packet filter";
    /// Edge.
    FORWARDED = "forwarded through";
    /// Edge.
    OUT_BY_DEFAULT = "out by the default route";
    /// Node.
    WORLD = "the outside";
    /// Line of the outside.
    SEES = "sees this machine's address only";
    /// Note.
    NO_DEFAULT = "this machine has no default route";
    /// Line of a link.
    DEFAULT_VIA = "default via {ip}";
    /// Node.
    OF_MACHINE = "{name} of this machine";
    /// Title.
    GROUPS = "Control groups, and what they limit";
    /// Note.
    NO_GROUP = "{name} has no group of its own: nothing here lets this user make one, so nothing limits it";
    /// Line of a tree.
    VERSION = "version {number}: {controllers}";
    /// Line of a tree.
    NO_CONTROLLER = "no controller";
    /// Line of a group.
    MEMBERS = "{number} processes";
    /// Title.
    CALLS_OF = "System calls of: {command}";
    /// Below a run.
    MILLISECONDS = "milliseconds, from the first call to the end of the last";
    /// In a run.
    LEFT_OUT = "{time} ms left out";
}
