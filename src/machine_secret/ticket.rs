//! A share in work that runs in a task of its own.

use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::admin::AdminError;

type Outcome<T> = Result<T, AdminError>;

/// A share in one piece of work: any number of holders, one outcome, and no holder's leaving stops
/// the work. A panic in the work, or the end of its runtime, becomes an error.
#[derive(Debug, Clone)]
pub(super) struct Ticket<T>(watch::Receiver<Option<Outcome<T>>>);

impl<T: Clone + Send + Sync + 'static> Ticket<T> {
    pub(super) fn start(
        work: impl Future<Output = Outcome<T>> + Send + 'static,
    ) -> Result<Self, AdminError> {
        let runtime = Handle::try_current().map_err(|_| AdminError::interrupted())?;
        let (sender, receiver) = watch::channel(None);
        runtime.spawn(async move {
            let outcome = work.await;
            sender.send_replace(Some(outcome));
        });
        Ok(Self(receiver))
    }

    /// Tells whether the work is still under way; a task that was killed is not.
    pub(super) fn is_running(&self) -> bool {
        self.0.borrow().is_none() && self.0.has_changed().is_ok()
    }

    /// Returns why the work failed, if it is over and did.
    pub(super) fn failure(&self) -> Option<AdminError> {
        self.0.borrow().as_ref()?.as_ref().err().cloned()
    }

    pub(super) async fn outcome(mut self) -> Outcome<T> {
        match self.0.wait_for(Option::is_some).await {
            Ok(outcome) => outcome
                .clone()
                .unwrap_or_else(|| Err(AdminError::interrupted())),
            Err(_) => Err(AdminError::interrupted()),
        }
    }
}
