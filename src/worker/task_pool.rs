//! The tasks in which attempts run.

use futures_util::FutureExt;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The tasks of one run of a worker: one task for each slot in use.
#[derive(Debug)]
pub(super) struct TaskPool {
    runtime: Handle,
    tasks: TaskTracker,
    abort: CancellationToken,
}

impl TaskPool {
    /// Creates a pool on the current runtime.
    pub(super) fn new() -> Self {
        Self { runtime: Handle::current(), tasks: TaskTracker::new(), abort: CancellationToken::new() }
    }

    /// Runs a task until it ends or the pool is aborted.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        // The future is boxed, because spawning moves it several times.
        let task = self.abort.clone().run_until_cancelled_owned(Box::pin(task));
        self.tasks.spawn_on(task.map(drop), &self.runtime);
    }

    /// Lets [`wait`](Self::wait) return when the last task has ended.
    pub(super) fn close(&self) {
        self.tasks.close();
    }

    /// Drops all tasks.
    pub(super) fn abort(&self) {
        self.abort.cancel();
    }

    /// Waits until the pool is closed and all tasks have ended.
    pub(super) async fn wait(&self) {
        self.tasks.wait().await;
    }
}
