"""What the program is made of, as CycloneDX 1.5: `cargo metadata` on standard input, JSON on standard output.

Only what is linked or runs while building is listed; packages for tests alone are not. Checksums are those of Cargo.lock.
"""

import json
import sys
import tomllib

metadata = json.load(sys.stdin)
packages = {package["id"]: package for package in metadata["packages"]}
edges = {node["id"]: node["deps"] for node in metadata["resolve"]["nodes"]}
root = metadata["resolve"]["root"]
with open("Cargo.lock", "rb") as lock:
    sums = {(one["name"], one["version"]): one.get("checksum") for one in tomllib.load(lock)["package"]}


def depends(identity):
    """What a package needs, those for its tests left out."""
    kinds = lambda edge: {kind["kind"] for kind in edge["dep_kinds"]}
    return sorted(edge["pkg"] for edge in edges[identity] if kinds(edge) - {"dev"})


def purl(package):
    return f"pkg:cargo/{package['name']}@{package['version']}"


def component(package, kind):
    entry = {"type": kind, "bom-ref": purl(package), "name": package["name"], "version": package["version"]}
    entry["purl"] = purl(package)
    if package.get("license"):
        # Old crates write MIT/Apache-2.0 for what SPDX calls OR.
        entry["licenses"] = [{"expression": package["license"].replace("/", " OR ")}]
    checksum = sums.get((package["name"], package["version"]))
    if checksum:
        entry["hashes"] = [{"alg": "SHA-256", "content": checksum}]
    return entry


needed, open_ends = {root}, [root]
while open_ends:
    for identity in depends(open_ends.pop()):
        if identity not in needed:
            needed.add(identity)
            open_ends.append(identity)

others = sorted(needed - {root}, key=lambda identity: purl(packages[identity]))
document = {
    "bomFormat": "CycloneDX",
    "specVersion": "1.5",
    "version": 1,
    "metadata": {"component": component(packages[root], "application")},
    "components": [component(packages[identity], "library") for identity in others],
    "dependencies": [
        {"ref": purl(packages[identity]), "dependsOn": [purl(packages[below]) for below in depends(identity)]}
        for identity in [root, *others]
    ],
}
json.dump(document, sys.stdout, indent=1)
print()
