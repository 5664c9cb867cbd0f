//! Rule 1: `authenticate` takes exactly one well-formed token from the header fields.

use clerk_machine_auth::{AuthError, AuthErrorKind, Authenticator, MachineAuth};
use http::Request;

use crate::authenticator::world::World;

async fn ask(auth: &Authenticator, field: Option<&str>) -> Result<MachineAuth, AuthError> {
    let mut request = Request::get("/reports");
    if let Some(field) = field {
        request = request.header("authorization", field);
    }
    auth.authenticate(request.body(()).unwrap().headers()).await
}

#[tokio::test]
async fn rule_1_exactly_one_token_is_taken_from_the_fields() {
    let world = World::new().await;
    let auth = world.builder().build().unwrap();
    let good = format!("Bearer {}", world.opaque(&world.caller));
    let answer = ask(&auth, Some(&good)).await;
    assert_eq!(answer.unwrap().machine_id(), Some(world.caller.id()));
    for (field, kind) in [
        (None, AuthErrorKind::MissingToken),
        (Some("Basic eDp5"), AuthErrorKind::MissingToken),
        (Some("Bearer a b"), AuthErrorKind::InvalidRequest),
        (Some("Bearer ak_made_up"), AuthErrorKind::InvalidToken),
    ] {
        let answer = ask(&auth, field).await;
        assert_eq!(answer.unwrap_err().kind(), kind, "{field:?}");
    }
    let mut twice = http::HeaderMap::new();
    twice.append("authorization", good.parse().unwrap());
    twice.append("authorization", good.parse().unwrap());
    let answer = auth.authenticate(&twice).await;
    assert_eq!(answer.unwrap_err().kind(), AuthErrorKind::InvalidRequest);
}
