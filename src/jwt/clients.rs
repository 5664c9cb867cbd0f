//! The OAuth applications that may call.

use crate::error::Reason;

/// The OAuth clients whose tokens are accepted. The default is all clients of the instance.
#[derive(Debug, Clone, Default)]
pub(crate) struct Clients(Option<Box<[Box<str>]>>);

impl Clients {
    pub(crate) fn new(allowed: Option<&[String]>) -> Self {
        Self(allowed.map(|ids| ids.iter().map(|id| id.as_str().into()).collect()))
    }

    /// Checks the client of a token. If clients are listed, a token without a client is rejected.
    pub(crate) fn check(&self, client: Option<&str>) -> Result<(), Reason> {
        match &self.0 {
            Some(allowed) if !allowed.iter().any(|id| client == Some(&**id)) => {
                Err(Reason::WrongClient)
            }
            _ => Ok(()),
        }
    }
}
