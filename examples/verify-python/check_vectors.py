#!/usr/bin/env python3
"""Computes the vectors of the proof format anew: python3 check_vectors.py test/vectors/proof.json"""
import json, sys
from verify import check_block, header_bytes, leaf_hash, merkle_root, need, root_from_path, sha

def check_vectors(v):
    for e in v["events"]:
        for name in ("context", "data"):
            need((e[name] is None) == (e[name + "_hash"] is None), name)
            need(e[name] is None or sha(e[name].encode()).hex() == e[name + "_hash"], name)
        fields = ("site", "seq", "realm", "epoch", "task_id", "version", "type", "occurred_at_ms", "actor", "context_hash", "data_hash")
        need(leaf_hash(*(e[f] for f in fields)).hex() == e["leaf"], f"leaf of {e['seq']}")
    for t in v["trees"]:
        leaves = [bytes.fromhex(t["leaves"])[i : i + 32] for i in range(0, len(t["leaves"]) // 2, 32)]
        need(merkle_root(leaves).hex() == t["root"], f"tree of {len(leaves)}")
        for i, path in enumerate(t["paths"]):
            need(root_from_path(leaves[i], i, len(leaves), [bytes.fromhex(h) for h in path]).hex() == t["root"], f"path {i}")
    key, before = bytes.fromhex(v["key"]["public_key"]), None
    need(sha(key).hex()[:32] == v["key"]["key_id"], "key id")
    for b in v["blocks"]:
        need(header_bytes(b).hex() == b["bytes"], f"header of {b['number']}")
        check_block({**b, "key_id": "k"}, {(b["site"], "k"): key}, before)
        before = b
    return "every vector is as computed"

if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as file:
        print(check_vectors(json.load(file)))
