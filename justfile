# What people type here. `just --list` shows it.

# The tests, as the README says
test *ARGS:
    cargo test {{ ARGS }}

# What a change must pass before it lands, in a minute
check:
    cargo fmt --check
    cargo clippy --all-targets -- -D warnings
    cargo run -q -- lesson check

# All of CI
ci:
    .ci/run

# What CI has no time for
full:
    tests/full

# The book, read at http://localhost:3000
book:
    mdbook serve book

# The story of docker run, on this machine
walk *ARGS:
    cargo run --release -- walk {{ ARGS }}

# Whole processes beside other runtimes
bench:
    cargo bench
