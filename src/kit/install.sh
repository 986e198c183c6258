#!/bin/sh
# Installs NAMES, and what they lack here, from the packages beside this file; no network is asked:
#
#     sudo sh packages/install.sh
set -eu
here=$(cd "$(dirname "$0")" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
chmod 755 "$scratch"
mkdir -p "$scratch/lists/partial" "$scratch/archives/partial"
# Through a link: the folder's own path may have a space in it, and an apt source may not.
ln -s "$here" "$scratch/packages"
echo "deb [trusted=yes] file:$scratch/packages ./" >"$scratch/sources.list"
apt() {
    apt-get -o Dir::Etc::sourcelist="$scratch/sources.list" -o Dir::Etc::sourceparts=- \
        -o Dir::State::lists="$scratch/lists" -o Dir::Cache::archives="$scratch/archives" -o Dir::Cache::pkgcache= \
        -o Dir::Cache::srcpkgcache= -o APT::Sandbox::User= "$@"
}
apt -q update
apt -q install --yes --no-install-recommends NAMES
