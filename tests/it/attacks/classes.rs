//! Rules 3, 4 and 6: `cat` × `typ` × `sub` × accepted types, against a table written by hand.

use clerk_machine_auth::testing::{ClerkEmulator, Endpoint};
use clerk_machine_auth::{Authenticator, TokenType};
use serde_json::json;

const CATS: [Option<&str>; 6] = [
    Some("cl_B7d4PD333AAA"), // M2M
    Some("cl_I7d4PD111III"), // says nothing
    None,
    Some("cl_B7d4PD111AAA"), // session
    Some("cl_B7d4PD222AAA"), // template
    Some("cl_other"),
];

/// What a JWT is taken for: one letter per `cat`; M, O, or `.` for nothing.
const TABLE: [(&str, &str, &str); 16] = [
    // typ              sub       M2M, says nothing, none, session, template, other
    ("", "mch_a", "MMM..."),
    ("JWT", "mch_a", "MMM..."),
    ("at+jwt", "mch_a", "......"),
    ("application/at+jwt", "mch_a", "......"),
    ("", "user_a", "......"),
    ("JWT", "user_a", "......"),
    ("at+jwt", "user_a", ".OO..O"),
    ("application/at+jwt", "user_a", ".OO..O"),
    ("JWT", "org_a", "......"),
    ("at+jwt", "org_a", "......"),
    ("JWT", "MCH_a", "......"),
    ("JWT", "xmch_a", "......"),
    ("at+jwt", "client_a", "......"),
    ("AT+JWT", "user_a", "......"),
    ("jwt", "mch_a", "......"),
    ("JWS", "mch_a", "......"),
];

#[tokio::test]
async fn rule_3_a_jwt_is_of_the_class_on_which_all_its_marks_agree() {
    let clerk = ClerkEmulator::start().await;
    let service = |types: &[TokenType]| -> Authenticator {
        let builder = Authenticator::builder()
            .jwt_key(clerk.jwt_key())
            .any_sender();
        builder.accept(types.iter().copied()).build().unwrap()
    };
    let (m2m, oauth) = (service(&[TokenType::M2m]), service(&[TokenType::OAuth]));
    let both = service(&[TokenType::M2m, TokenType::OAuth]);
    let claims = |sub: &str| json!({"sub": sub, "exp": 4_000_000_000_u64});
    for (typ, sub, expected) in TABLE {
        for (cat, class) in CATS.iter().zip(expected.chars()) {
            let mut header = json!({"alg": "RS256"});
            for (name, value) in [
                ("typ", Some(typ).filter(|typ| !typ.is_empty())),
                ("cat", *cat),
            ] {
                if let Some(value) = value {
                    header[name] = json!(value);
                }
            }
            let token = clerk.sign_jwt(&header, &claims(sub));
            let taken = both.verify(&token).await.ok().map(|auth| auth.token_type());
            let wanted = match class {
                'M' => Some(TokenType::M2m),
                'O' => Some(TokenType::OAuth),
                _ => None,
            };
            assert_eq!(taken, wanted, "{typ:?} {sub} {cat:?}");
            assert_eq!(
                m2m.verify(&token).await.is_ok(),
                wanted == Some(TokenType::M2m)
            );
            assert_eq!(
                oauth.verify(&token).await.is_ok(),
                wanted == Some(TokenType::OAuth)
            );
        }
    }
}

#[tokio::test]
async fn rule_3_prefix_games_cost_no_call() {
    let clerk = ClerkEmulator::start().await;
    let service = clerk.authenticator_for(&clerk.machine("me").create());
    for token in [
        "MT_0123456789",
        "Mt_0123456789",
        "mt-0123456789",
        "mt_",
        "mt_a",
        "ak_",
        "oat_a",
        "m2m_0123456789",
        "mt_a.b.c",
        "ak_a.b",
        "a.b.c.d.e",
        "sk_test_0123456789",
        "pk_test_0123456789",
        "dvb_0123456789",
        "sess_0123456789",
        "eyJhbGciOiJub25lIn0.e30.",
        "...",
        "mt",
        "_mt_0123456789",
    ] {
        let error = service.verify(token).await.unwrap_err();
        assert_eq!(error.status(), 401, "{token}");
    }
    assert_eq!(clerk.calls(Endpoint::Any), 0);
}

#[tokio::test]
async fn rule_6_require_cat_refuses_unmarked_machine_tokens_only() {
    let clerk = ClerkEmulator::start().await;
    let builder = Authenticator::builder()
        .jwt_key(clerk.jwt_key())
        .any_sender();
    let service = builder.require_cat(true).build().unwrap();
    let machine = clerk.machine("caller").create();
    let unmarked = clerk.m2m_jwt(&machine).without_header("cat").create();
    assert!(service.verify(unmarked.token()).await.is_err());
    assert!(
        service
            .verify(clerk.m2m_jwt(&machine).create().token())
            .await
            .is_ok()
    );
    let oauth = clerk.oauth_jwt(clerk.new_user_id()).create();
    assert!(service.verify(oauth.token()).await.is_ok());
}
