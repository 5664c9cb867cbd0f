//! Fills the cache through the Backend API.

use std::ops::Range;

use clerk_machine_auth::Authenticator;
use futures_util::StreamExt as _;

use super::tokens::api_key;

/// Verifies so many API keys, some hundred at a time.
pub(crate) async fn fill(clerk: &Authenticator, numbers: Range<usize>) {
    let verified = numbers.map(|number| {
        let clerk = clerk.clone();
        async move { clerk.verify(&api_key(number)).await }
    });
    let mut verified = futures_util::stream::iter(verified).buffer_unordered(200);
    while let Some(auth) = verified.next().await {
        auth.expect("every key is known");
    }
}
