//! Pages and streams.

use std::pin::pin;
use std::time::Duration;

use clerk_machine_auth::admin::MachineOrder;
use clerk_machine_auth::testing::{Endpoint, Fault};
use futures_util::{StreamExt as _, TryStreamExt as _};

use crate::admin::world::{World, machine_id};

async fn with_machines(count: usize) -> World {
    let world = World::new().await;
    for index in 0..count {
        world.clerk.machine(format!("machine {index:03}")).create();
    }
    world
}

#[tokio::test]
async fn a_page_holds_what_was_asked_for() {
    let world = with_machines(12).await;
    let list = || world.admin.machines().list();
    let names = |page: clerk_machine_auth::admin::Page<clerk_machine_auth::admin::Machine>| {
        page.data
            .into_iter()
            .map(|machine| machine.name)
            .collect::<Vec<_>>()
    };
    let page = list().page().await.unwrap();
    assert_eq!((page.data.len(), page.total_count), (10, Some(12)));
    let rest = list()
        .order_by(MachineOrder::NameAscending)
        .offset(10)
        .page()
        .await;
    assert_eq!(names(rest.unwrap()), ["machine 010", "machine 011"]);
    let last = list()
        .order_by(MachineOrder::NameDescending)
        .limit(1)
        .page()
        .await;
    assert_eq!(names(last.unwrap()), ["machine 011"]);
    assert_eq!(
        names(list().query("003").page().await.unwrap()),
        ["machine 003"]
    );
    for order in [MachineOrder::OldestFirst, MachineOrder::NewestFirst] {
        assert_eq!(
            list()
                .order_by(order)
                .limit(500)
                .page()
                .await
                .unwrap()
                .data
                .len(),
            12
        );
    }
}

#[tokio::test]
async fn a_stream_follows_the_pages_and_no_further() {
    let world = with_machines(25).await;
    let list = || {
        world
            .admin
            .machines()
            .list()
            .order_by(MachineOrder::NameAscending)
    };
    let all: Vec<_> = list().limit(10).stream().try_collect().await.unwrap();
    assert_eq!(all.len(), 25);
    assert!(all.windows(2).all(|pair| pair[0].name < pair[1].name));
    assert_eq!(world.clerk.calls(Endpoint::ListMachines), 3);

    world.clerk.reset_log();
    let some: Vec<_> = list()
        .limit(10)
        .offset(20)
        .stream()
        .try_collect()
        .await
        .unwrap();
    assert_eq!(
        (some.len(), world.clerk.calls(Endpoint::ListMachines)),
        (5, 1)
    );
    // Without a limit the pages are as large as Clerk allows.
    let all: Vec<_> = list().stream().try_collect().await.unwrap();
    assert_eq!(
        (all.len(), world.clerk.calls(Endpoint::ListMachines)),
        (25, 2)
    );
    // Pages are fetched when they are needed.
    world.clerk.reset_log();
    let first: Vec<_> = list().limit(10).stream().take(10).collect().await;
    assert_eq!(
        (first.len(), world.clerk.calls(Endpoint::ListMachines)),
        (10, 1)
    );
}

#[tokio::test]
async fn a_stream_ends_after_its_first_error() {
    let world = with_machines(25).await;
    world
        .clerk
        .fault(Endpoint::ListMachines, Fault::status(403))
        .skip(1)
        .always();
    let mut stream = pin!(world.admin.machines().list().limit(10).stream());
    for _ in 0..10 {
        stream.next().await.unwrap().unwrap();
    }
    assert!(
        stream
            .next()
            .await
            .unwrap()
            .unwrap_err()
            .api()
            .unwrap()
            .is_forbidden()
    );
    assert!(stream.next().await.is_none());
}

#[tokio::test]
async fn a_stream_ends_where_pages_are_empty_short_or_uncounted() {
    let world = with_machines(3).await;
    let list = || world.admin.machines().list().limit(10).stream();
    for (body, expected) in [
        (r#"{"data":[],"total_count":99}"#, 0),
        (r#"{"data":[],"total_count":0.0}"#, 0),
        (r#"{"data":[{"id":"mch_a"}]}"#, 1),
    ] {
        let fault = Fault::altered().body(body);
        world.clerk.fault(Endpoint::ListMachines, fault).once();
        world.clerk.reset_log();
        let all: Vec<_> = list().try_collect().await.unwrap();
        assert_eq!(
            (all.len(), world.clerk.calls(Endpoint::ListMachines)),
            (expected, 1),
            "{body}"
        );
    }
}

#[tokio::test]
async fn tokens_and_keys_stream_too() {
    let world = World::new().await;
    let machine = world.clerk.machine("orders").create();
    let user = world.clerk.new_user_id();
    for _ in 0..7 {
        world
            .clerk
            .m2m_token(&machine)
            .lifetime(Duration::from_secs(60))
            .create();
        world.clerk.api_key(&user).create();
    }
    let tokens = world
        .admin
        .m2m_tokens()
        .list(&machine_id(&machine))
        .limit(3);
    assert_eq!(
        tokens.stream().try_collect::<Vec<_>>().await.unwrap().len(),
        7
    );
    let keys = world.admin.api_keys().list(&user).limit(3);
    assert_eq!(
        keys.stream().try_collect::<Vec<_>>().await.unwrap().len(),
        7
    );
    assert_eq!(world.clerk.calls(Endpoint::ListM2mTokens), 3);
    assert_eq!(world.clerk.calls(Endpoint::ListApiKeys), 3);
}
