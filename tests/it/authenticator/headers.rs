//! Rule 1: `authenticate` finds the token of a request, of its parts and of its fields alike.

use clerk_machine_auth::{AuthError, AuthErrorKind, Authenticator, MachineAuth};
use http::{HeaderMap, Request};

use crate::authenticator::world::World;

/// The same answer three times.
async fn ask(auth: &Authenticator, field: Option<&str>) -> [Result<MachineAuth, AuthError>; 3] {
    let mut request = Request::get("/reports");
    if let Some(field) = field {
        request = request.header("authorization", field);
    }
    let request = request.body(()).unwrap();
    let fields: HeaderMap = request.headers().clone();
    let whole = auth.authenticate(&request).await;
    let parts = auth.authenticate(&request.into_parts().0).await;
    [whole, parts, auth.authenticate(&fields).await]
}

#[tokio::test]
async fn rule_1_a_token_is_found_wherever_the_fields_are() {
    let world = World::new().await;
    let auth = world.builder().build().unwrap();
    let good = format!("Bearer {}", world.opaque(&world.caller));
    for answer in ask(&auth, Some(&good)).await {
        assert_eq!(answer.unwrap().machine_id(), Some(world.caller.id()));
    }
    for (field, kind) in [
        (None, AuthErrorKind::MissingToken),
        (Some("Basic eDp5"), AuthErrorKind::MissingToken),
        (Some("Bearer a b"), AuthErrorKind::InvalidRequest),
        (Some("Bearer ak_made_up"), AuthErrorKind::InvalidToken),
    ] {
        for answer in ask(&auth, field).await {
            assert_eq!(answer.unwrap_err().kind(), kind, "{field:?}");
        }
    }
}
