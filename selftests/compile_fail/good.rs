// SPDX-License-Identifier: GPL-2.0
// Compiles: what the others do wrong, done right.

struct Good(Atomic<u64>);

#[vtable]
impl Tracer for Good {
    fn syscall_entry(
        this: ArcBorrow<'_, Self>,
        report: &mut SyscallEntryReport<'_>,
    ) -> SyscallAction {
        this.0.store(report.ticket().number(), Relaxed);
        SyscallAction::abort(Action::Stop)
    }

    fn syscall_exit(_: ArcBorrow<'_, Self>, _: &mut SyscallExitReport<'_>) -> Action {
        Action::Stop
    }

    fn death(_: ArcBorrow<'_, Self>, report: &mut DeathReport<'_>) -> DeathAction {
        let _thread: ARef<Task> = report.thread().into();
        DeathAction::Keep
    }
}

fn attach(thread: &Task, tracer: Arc<Good>) -> Result {
    let engine = Engine::attach(thread, tracer)?;
    engine.resume()?;
    drop(engine);
    Ok(())
}
