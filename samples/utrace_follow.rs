// SPDX-License-Identifier: GPL-2.0

//! Follows a process and all that it makes, and shows the tree: who made whom and how, what they
//! ran, and how they ended.
//!
//! ```text
//! insmod utrace_follow.ko pid=PID
//! cat /sys/kernel/debug/utrace_follow/tree
//! ```
//!
//! ```text
//! 120 followed: sh, exited 0
//!   121 fork: /bin/ls, exited 0
//!   122 vfork: sleep, killed by signal 9
//!   123 thread
//! ```

use core::fmt;
use kernel::{
    debugfs::{
        Dir,
        File, //
    },
    new_mutex,
    prelude::*,
    str::CString,
    sync::{
        Arc,
        ArcBorrow,
        Mutex, //
    },
    task::Task, //
};
use utrace::*;

module! {
    type: FollowModule,
    name: "utrace_follow",
    authors: ["The utrace developers"],
    description: "Sample: follows a process and all that it makes",
    license: "GPL",
    imports_ns: ["UTRACE"],
    params: {
        pid: i32 {
            default: 0,
            description: "Thread to follow, and all that it makes; 0: none",
        },
    },
}

// Of linux/sched.h.
const CLONE_VFORK: u64 = 0x4000;
const CLONE_THREAD: u64 = 0x10000;

/// A thread of the tree. It is remembered when it has ended.
struct Node {
    tid: i32,
    parent: Option<usize>,
    made_by: &'static str,
    /// The `argv[0]` of the last program that it has loaded.
    program: Option<CString>,
    /// The exit code, in the form of `wait(2)`.
    end: Option<i32>,
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.tid, self.made_by)?;
        if let Some(program) = &self.program {
            f.write_fmt(fmt!(": {}", &**program))?;
        }
        match self.end {
            None => Ok(()),
            Some(code) if code & 0x7f == 0 => write!(f, ", exited {}", code >> 8 & 0xff),
            Some(code) => write!(f, ", killed by signal {}", code & 0x7f),
        }
    }
}

/// All threads, in the order in which they were made.
#[pin_data]
struct Tree {
    #[pin]
    nodes: Mutex<KVec<Node>>,
}

/// The tracer of one thread: each has a value of its own.
struct Follower {
    tree: Arc<Tree>,
    node: usize,
}

impl Tree {
    /// Adds a thread, and attaches to it.
    fn follow(
        this: &Arc<Self>,
        thread: &Task,
        parent: Option<usize>,
        made_by: &'static str,
    ) -> Result {
        let mut nodes = this.nodes.lock();
        let node = nodes.len();
        let new = Node {
            tid: thread.pid(),
            parent,
            made_by,
            program: None,
            end: None,
        };
        nodes.push(new, GFP_KERNEL)?;
        // Its callbacks take the lock, too.
        drop(nodes);
        let tree = this.clone();
        let follower = Arc::new(Follower { tree, node }, GFP_KERNEL)?;
        // For what is implemented below, as long as the thread or this module.
        Engine::attach(thread, follower)?.release();
        Ok(())
    }

    fn update(&self, node: usize, f: impl FnOnce(&mut Node)) {
        if let Some(node) = self.nodes.lock().get_mut(node) {
            f(node);
        }
    }

    /// The file `tree`: depth first.
    fn show(this: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nodes = this.nodes.lock();
        let find = |from: usize, parent: Option<usize>| {
            (from..nodes.len()).find(|&index| nodes[index].parent == parent)
        };
        let mut next = find(0, None);
        let mut depth = 0;
        while let Some(mut at) = next {
            writeln!(f, "{:1$}{2}", "", 2 * depth, nodes[at])?;
            next = find(at + 1, Some(at));
            depth += 1;
            // Without children it is a sibling's turn, or one of the parent's.
            while next.is_none() {
                depth -= 1;
                next = find(at + 1, nodes[at].parent);
                match nodes[at].parent {
                    Some(parent) => at = parent,
                    None => break,
                }
            }
        }
        Ok(())
    }
}

/// `argv[0]` as the new program will find it on its stack, behind `argc`.
fn program(report: &mut ExecReport<'_>) -> Result<CString> {
    let word = match RegsetView::bits32() == Some(report.current().view()) {
        true => 4,
        false => 8,
    };
    let sp = report.sp();
    let memory = report.memory();
    let mut address = [0; 8];
    memory.read_exact(sp + word, &mut address[..word])?;
    let mut name = [0; 128];
    let name = memory.read_cstr(usize::from_le_bytes(address), &mut name)?;
    Ok(CString::try_from(name)?)
}

#[vtable]
impl Tracer for Follower {
    /// The child does not run before this returns: nothing of it is missed.
    fn clone(this: ArcBorrow<'_, Self>, report: &mut CloneReport<'_>) -> Action {
        let made_by = match report.flags() {
            flags if flags & CLONE_THREAD != 0 => "thread",
            flags if flags & CLONE_VFORK != 0 => "vfork",
            _ => "fork",
        };
        if let Err(err) = Tree::follow(&this.tree, report.child(), Some(this.node), made_by) {
            // It stays in the tree, without an end.
            pr_warn!("cannot follow {}: {:?}\n", report.child().pid(), err);
        }
        Action::Resume
    }

    /// A thread that is not the first of its process takes that one's number here, and the others
    /// have ended.
    fn exec(this: ArcBorrow<'_, Self>, report: &mut ExecReport<'_>) -> Action {
        let program = program(report).ok();
        let tid = report.thread().pid();
        this.tree.update(this.node, |node| {
            node.tid = tid;
            node.program = program;
        });
        Action::Resume
    }

    fn exit(this: ArcBorrow<'_, Self>, report: &mut ExitReport<'_>) -> Action {
        let code = report.code();
        this.tree.update(this.node, |node| node.end = Some(code));
        // There is nothing left to see.
        Action::Detach
    }
}

#[pin_data]
struct FollowModule {
    #[pin]
    _tree: File<Arc<Tree>>,
    _dir: Dir,
}

impl kernel::InPlaceModule for FollowModule {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        pin_init::pin_init_scope(|| {
            let tree = Arc::pin_init(
                pin_init!(Tree { nodes <- new_mutex!(KVec::new()) }),
                GFP_KERNEL,
            )?;
            let pid = param::<i32>(module_parameters::pid.value());
            if pid != 0 {
                Tree::follow(&tree, &*thread_by_pid(pid)?, None, "followed")?;
            }
            let dir = Dir::new(c"utrace_follow");
            Ok(try_pin_init!(FollowModule {
                _tree <- dir.read_callback_file(c"tree", tree, &Tree::show),
                _dir: dir,
            }? Error))
        })
    }
}
