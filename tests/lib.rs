//! The integration tests of `clerk-machine-auth`; see the test programs beside this file.
