//! Machines: the services of an instance, their scopes and their secrets.

mod create;
mod list;
mod model;
mod scopes;
mod secret_key;
mod update;

use http::Method;

pub use self::create::CreateMachine;
pub use self::list::{ListMachines, MachineOrder};
pub use self::model::{CreatedMachine, Machine, ScopedMachine};
pub use self::scopes::MachineScope;
pub use self::secret_key::RotateSecretKey;
pub use self::update::UpdateMachine;
use super::client::AdminClient;
use super::operation::CountedAs;
use super::wire::Gone;
use crate::backend::{AdminError, ApiError, ResponseClass};
use crate::id::MachineId;
use crate::stats::{CallOperation, CallResult};
use crate::transport::{Answer, MACHINE_LIMIT};

const MACHINES: &str = "machines";

/// Calls for machines; all of them need the instance secret.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "testing")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use clerk_machine_auth::{AdminClient, SecretKey, testing::ClerkEmulator};
/// # let clerk = ClerkEmulator::start().await;
/// # let client = AdminClient::builder()
/// #     .api_url(clerk.api_url())
/// #     .secret_key(SecretKey::new(clerk.secret_key())?)
/// #     .build()?;
/// let orders = client.machines().create("orders").send().await?;
/// let billing = client
///     .machines()
///     .create("billing")
///     .scoped_to([orders.machine.id.clone()])
///     .send()
///     .await?;
/// assert!(billing.machine.can_reach(&orders.machine.id));
/// # Ok(()) }
/// # #[cfg(not(feature = "testing"))]
/// # fn main() {}
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Machines<'a> {
    client: &'a AdminClient,
}

impl AdminClient {
    /// Returns the calls for machines, their scopes and their secrets.
    #[must_use]
    pub const fn machines(&self) -> Machines<'_> {
        Machines { client: self }
    }
}

impl<'a> Machines<'a> {
    /// Lists machines, the newest first unless another order is set.
    pub fn list(self) -> ListMachines {
        ListMachines::new(self.client)
    }

    /// Creates a machine with this name (1 to 255 characters).
    pub fn create(self, name: impl Into<String>) -> CreateMachine {
        CreateMachine::new(self.client, name.into())
    }

    /// Gets a machine and the machines that it may reach.
    ///
    /// # Errors
    ///
    /// Fails as described in [`AdminErrorKind`](crate::AdminErrorKind).
    /// [`AdminError::is_not_found`] returns `true` if there is no such machine. A response about
    /// another machine, or without the list of machines it may reach, is an error of the kind
    /// [`Decode`](crate::AdminErrorKind::Decode).
    pub async fn get(self, id: &MachineId) -> Result<Machine, AdminError> {
        let call = self.client.read(Method::GET, &[MACHINES, id.as_str()]);
        let call = call.body_limit(MACHINE_LIMIT).counted_as(CountedAs {
            operation: CallOperation::Registry,
            template: "/v1/machines/{machine_id}",
            classify,
        });
        model::found(&call.send_raw(self.client).await?, id)
    }

    /// Changes a machine's name or the default lifetime of its tokens; fields that are not set keep
    /// their value.
    pub fn update(self, id: &MachineId) -> UpdateMachine {
        UpdateMachine::new(self.client, id)
    }

    /// Deletes a machine, including its secret and its tokens.
    ///
    /// Cached verdicts on the machine are invalidated in this process.
    ///
    /// # Errors
    ///
    /// Fails as described in [`AdminErrorKind`](crate::AdminErrorKind).
    /// [`AdminError::is_not_found`] returns `true` if there is no such machine.
    pub async fn delete(self, id: &MachineId) -> Result<(), AdminError> {
        let eviction = self.client.invalidate_subject(id.as_str());
        let call = self.client.write(Method::DELETE, &[MACHINES, id.as_str()]);
        eviction.after(call.send(self.client).await).map(Gone::into)
    }
}

fn classify(answer: &Answer) -> CallResult {
    if answer.status.is_success() {
        return match serde_json::from_slice::<Machine>(&answer.body) {
            Ok(_) => CallResult::Ok,
            Err(_) => CallResult::Unreadable,
        };
    }
    let error = ApiError::read(answer, &[]);
    match ResponseClass::of_error(&error) {
        // Only a machine that does not exist is an answer.
        ResponseClass::InvalidToken if !error.is_not_found() => CallResult::Unreadable,
        class => class.result(),
    }
}
