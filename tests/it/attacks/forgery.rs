//! Rule 6: no token but the one that was signed.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clerk_machine_auth::testing::{ClerkEmulator, EmulatedMachine};
use clerk_machine_auth::{AuthErrorKind, Authenticator};
use serde_json::{Value, json};

struct World {
    clerk: ClerkEmulator,
    caller: EmulatedMachine,
    service: Authenticator,
}

async fn world() -> World {
    let clerk = ClerkEmulator::start().await;
    let me = clerk.machine("me").create();
    let caller = clerk.machine("caller").scoped_to(&me).create();
    let builder = clerk.authenticator_builder(&me).any_sender();
    let service = builder.jwt_key(clerk.jwt_key()).build().unwrap();
    World {
        clerk,
        caller,
        service,
    }
}

impl World {
    async fn accepts(&self, token: &str) -> bool {
        self.service.verify(token).await.is_ok()
    }

    fn claims(&self) -> Value {
        json!({"sub": self.caller.id(), "iss": self.clerk.issuer(), "exp": 4_000_000_000_u64, "jti": "mt_a"})
    }

    /// Signs with the instance's own key, whatever the header says.
    fn signed(&self, header: &Value) -> String {
        self.clerk.sign_jwt(header, &self.claims())
    }
}

fn encode(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

#[tokio::test]
async fn rule_6_every_single_bit_of_a_token_counts() {
    let world = world().await;
    let user = world.clerk.new_user_id();
    let tokens = [
        world
            .clerk
            .m2m_jwt(&world.caller)
            .claims(json!({"a": "b"}))
            .create(),
        world.clerk.oauth_jwt(&user).scopes(["profile"]).create(),
    ];
    let mut changes = 0_u32;
    for token in tokens {
        let token = token.token().as_bytes();
        assert!(world.accepts(std::str::from_utf8(token).unwrap()).await);
        for bit in 0..token.len() * 8 {
            let mut changed = token.to_vec();
            changed[bit / 8] ^= 1 << (bit % 8);
            // A byte that is no text cannot stand in a header field at all.
            let Ok(changed) = String::from_utf8(changed) else {
                continue;
            };
            assert!(!world.accepts(&changed).await, "bit {bit}: {changed}");
            changes += 1;
        }
    }
    println!("{changes} single-bit changes of two tokens, all rejected");
    assert!(changes > 5_000);
}

#[tokio::test]
async fn rule_6_every_cut_and_every_extra_byte_is_refused() {
    let world = world().await;
    let token = world
        .clerk
        .m2m_jwt(&world.caller)
        .create()
        .token()
        .to_owned();
    for length in 0..token.len() {
        assert!(!world.accepts(&token[..length]).await, "{length}");
    }
    for extra in ["A", "=", "==", ".", ".a", "AAAA", "-", "_"] {
        assert!(!world.accepts(&format!("{token}{extra}")).await, "{extra}");
        assert!(!world.accepts(&format!("{extra}{token}")).await, "{extra}");
    }
}

#[tokio::test]
async fn rule_6_headers_that_ask_for_anything_else_are_refused() {
    let world = world().await;
    let good = json!({"alg": "RS256", "typ": "JWT", "kid": world.clerk.instance_id()});
    assert!(world.accepts(&world.signed(&good)).await);
    let with = |name: &str, value: Value| {
        let mut header = good.clone();
        header[name] = value;
        header
    };
    for alg in [
        "none", "None", "nOnE", "HS256", "RS384", "RS512", "PS256", "ES256", "EdDSA", "rs256",
        "RS256 ", "",
    ] {
        assert!(
            !world.accepts(&world.signed(&with("alg", json!(alg)))).await,
            "{alg}"
        );
    }
    for (name, value) in [
        ("alg", json!(["RS256"])),
        ("alg", json!(null)),
        ("crit", json!([])),
        ("crit", json!(["exp"])),
        ("b64", json!(true)),
        ("b64", json!(false)),
        ("jwk", json!({"kty": "RSA"})),
        ("jku", json!("https://evil.example/jwks")),
        ("x5u", json!("https://evil.example/x")),
        ("x5c", json!(["AAAA"])),
        ("kid", json!(7)),
        ("kid", json!("k".repeat(300))),
        ("typ", json!("jwt")),
        ("typ", json!("JOSE")),
        ("cat", json!("cl_B7d4PD111AAA")),
        ("cat", json!(1)),
    ] {
        let header = with(name, value);
        assert!(!world.accepts(&world.signed(&header)).await, "{header}");
    }
}

#[tokio::test]
async fn rule_6_the_public_key_is_no_secret_to_sign_with() {
    let world = world().await;
    let message = format!(
        "{}.{}",
        encode(r#"{"alg":"HS256","typ":"JWT"}"#),
        encode(&world.claims().to_string())
    );
    let pem = world.clerk.jwt_key();
    for secret in [
        pem.clone(),
        pem.trim().to_owned(),
        pem.replace('\n', ""),
        String::new(),
    ] {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        let signature = URL_SAFE_NO_PAD.encode(hmac::sign(&key, message.as_bytes()));
        assert!(!world.accepts(&format!("{message}.{signature}")).await);
    }
    for signature in ["", "AA", "AAAA"] {
        let none = format!(
            "{}.{}.{signature}",
            encode(r#"{"alg":"none"}"#),
            encode(&world.claims().to_string())
        );
        assert!(!world.accepts(&none).await);
    }
}

#[tokio::test]
async fn rule_6_duplicate_members_and_wrong_types_are_refused() {
    let world = world().await;
    let (sub, iss) = (world.caller.id(), world.clerk.issuer());
    let claims =
        |inner: &str| format!(r#"{{"sub":"{sub}","iss":"{iss}","exp":4000000000{inner}}}"#);
    let header = r#"{"alg":"RS256","typ":"JWT"}"#;
    assert!(
        world
            .accepts(&world.clerk.sign_raw(header, &claims("")))
            .await
    );
    for inner in [
        r#","sub":"mch_other""#,
        r#","\u0073ub":"mch_other""#,
        r#","exp":4000000001"#,
        r#","aud":7"#,
        r#","aud":[1]"#,
        r#","scopes":{}"#,
        r#","scopes":[1]"#,
        r#","nbf":"1""#,
        r#","iat":"1""#,
        r#","jti":1"#,
        r#","a":1,"a":2"#,
        r#","a":{"b":1,"b":2}"#,
    ] {
        let token = world.clerk.sign_raw(header, &claims(inner));
        assert!(!world.accepts(&token).await, "{inner}");
    }
    for exp in [r#""4000000000""#, "1e400", "-1", "null", "true", "[]", "0"] {
        let token = world.clerk.sign_raw(
            header,
            &format!(r#"{{"sub":"{sub}","iss":"{iss}","exp":{exp}}}"#),
        );
        assert!(!world.accepts(&token).await, "{exp}");
    }
    for header in [
        r#"{"alg":"RS256","alg":"RS256"}"#,
        r#"{"alg":"none","\u0061lg":"RS256"}"#,
        r#"{"alg":"RS256","typ":"JWT","cat":"cl_B7d4PD333AAA","cat":"cl_B7d4PD333AAA"}"#,
        r#"["RS256"]"#,
        "",
    ] {
        assert!(
            !world
                .accepts(&world.clerk.sign_raw(header, &claims("")))
                .await,
            "{header}"
        );
    }
}

#[tokio::test]
async fn rule_6_deep_and_wide_claims_neither_break_nor_pass_the_bound() {
    let world = world().await;
    let nested = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    let token = |extra: &str| {
        let claims = format!(
            r#"{{"sub":"{}","iss":"{}","exp":4000000000,"a":{extra}}}"#,
            world.caller.id(),
            world.clerk.issuer()
        );
        world.clerk.sign_raw(r#"{"alg":"RS256"}"#, &claims)
    };
    assert!(world.accepts(&token(&nested(60))).await, "60 deep works");
    assert!(!world.accepts(&token(&nested(2_000))).await);
    assert!(
        !world.accepts(&token(&"9".repeat(5_000))).await,
        "no such number"
    );
    // Beside the four claims; 2 000 values have room in a token, too.
    let wide = |values: usize| token(&format!("[{}]", vec!["1"; values].join(",")));
    assert!(world.accepts(&wide(252)).await);
    assert!(!world.accepts(&wide(253)).await && wide(2_000).len() < 8_192);
    let long = world
        .service
        .verify(&token(&format!("\"{}\"", "a".repeat(9_000))))
        .await
        .unwrap_err();
    assert_eq!(long.kind(), AuthErrorKind::InvalidRequest);
}
