//! Rule 18: the tower contract.

use std::convert::Infallible;
use std::future::{Ready, poll_fn, ready};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use tower::{Layer as _, Service};

use crate::layer::world::{World, bearer, request};

/// Panics if it is called without having said that it is ready; its clones have not said so.
struct Strict {
    is_ready: bool,
    polls: Arc<AtomicUsize>,
}

impl Clone for Strict {
    fn clone(&self) -> Self {
        let polls = Arc::clone(&self.polls);
        Self {
            is_ready: false,
            polls,
        }
    }
}

impl Service<Request> for Strict {
    type Response = Response;
    type Error = Infallible;
    type Future = Ready<Result<Response, Infallible>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // Not ready at first, so that whoever does not pass this on is found out.
        if self.polls.fetch_add(1, Ordering::SeqCst) == 0 {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.is_ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request) -> Self::Future {
        assert!(
            std::mem::take(&mut self.is_ready),
            "called without being ready"
        );
        ready(Ok(Response::new(Body::empty())))
    }
}

#[tokio::test]
async fn rule_18_the_service_that_was_ready_is_the_one_that_is_called() {
    let world = World::new().await;
    let polls = Arc::<AtomicUsize>::default();
    let strict = Strict {
        is_ready: false,
        polls: Arc::clone(&polls),
    };
    let mut service = world.layer().optional().layer(strict);
    let token = world.opaque();
    // Anonymous; verified by asking; remembered; rejected at once, and after asking.
    let requests = [
        (request(&[]), 200),
        (bearer(&token), 200),
        (bearer(&token), 200),
        (bearer("a b"), 400),
        (bearer("mt_made_up"), 401),
        (bearer(&token), 200),
    ];
    for (request, expected) in requests {
        poll_fn(|cx| service.poll_ready(cx)).await.unwrap();
        let response = service.call(request).await.unwrap();
        assert_eq!(response.status().as_u16(), expected);
    }
    assert_eq!(
        polls.load(Ordering::SeqCst),
        7,
        "each wait for readiness reached the service"
    );
}

#[tokio::test]
async fn rule_18_a_clone_shares_memory_and_rules() {
    let world = World::new().await;
    let service = world.layer().layer(Strict {
        is_ready: false,
        polls: Arc::new(1.into()),
    });
    let token = world.opaque();
    for mut service in [service.clone(), service.clone(), service] {
        poll_fn(|cx| service.poll_ready(cx)).await.unwrap();
        assert_eq!(service.call(bearer(&token)).await.unwrap().status(), 200);
    }
    assert_eq!(
        world
            .clerk
            .calls(clerk_machine_auth::testing::Endpoint::VerifyM2mToken),
        1
    );
}
