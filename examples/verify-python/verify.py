#!/usr/bin/env python3
"""Verifies a taskledger bundle. Written from docs/reference/proof-format.md alone; needs Python 3.9 and the openssl command.

  python3 verify.py BUNDLE            exit status 0: consistent; 1: the first thing that is wrong is named
  python3 verify.py --vectors FILE    computes the vectors of the format anew
"""
import base64, hashlib, json, os, subprocess, sys, tempfile
from datetime import datetime, timedelta, timezone

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class Wrong(Exception):
    pass


def need(condition, what):
    if not condition:
        raise Wrong(what)


def sha(data):
    return hashlib.sha256(data).digest()


def no_doubles(pairs):
    need(len(dict(pairs)) == len(pairs), "a key is there twice")
    return dict(pairs)


def leaf_hash(site, seq, realm, epoch, task, version, kind, ms, actor, context_hash, data_hash):
    fields = ["tl1", site, seq, realm, epoch, task, version, kind, ms, actor, context_hash, data_hash]
    return sha(b"\x00" + "\n".join("" if f is None else str(f) for f in fields).encode())


def merkle_root(level):
    if not level:
        return sha(b"")
    while len(level) > 1:
        pairs = [level[i : i + 2] for i in range(0, len(level), 2)]
        level = [sha(b"\x01" + p[0] + p[1]) if len(p) == 2 else p[0] for p in pairs]
    return level[0]


def root_from_path(leaf, i, n, path):
    path, last = list(path), n - 1
    while last > 0:
        if i != last or i % 2:
            need(path, "its path is too short")
            other = path.pop(0)
            leaf = sha(b"\x01" + (other + leaf if i % 2 else leaf + other))
        i, last = i // 2, last // 2
    need(not path, "its path is too long")
    return leaf


def members_of(text):
    ranges = [tuple(map(int, (r.split("-") * 2)[:2])) for r in text.split(",")]
    need(all(a <= b for a, b in ranges) and all(p[1] + 1 < q[0] for p, q in zip(ranges, ranges[1:])), "bad members")
    need(",".join(str(a) if a == b else f"{a}-{b}" for a, b in ranges) == text, "bad members")
    return ranges


def header_bytes(b):
    members = sha(b["members"].encode()).hex()
    fields = ["taskledger block %d" % b["format"], b["site"], b["number"], members, b["event_count"], b["root"]]
    return "\n".join(map(str, fields + [b["prev_hash"], b["sealed_at_ms"], b["sealed_by"]])).encode()


def check_signature(public_key, message, signature):
    with tempfile.TemporaryDirectory() as place:
        parts = {"key": bytes.fromhex("302a300506032b6570032100") + public_key, "message": message, "signature": signature}
        names = {name: os.path.join(place, name) for name in parts}
        for name, data in parts.items():
            with open(names[name], "wb") as out:
                out.write(data)
        command = ["openssl", "pkeyutl", "-verify", "-rawin", "-pubin", "-keyform", "DER", "-inkey", names["key"]]
        done = subprocess.run(command + ["-in", names["message"], "-sigfile", names["signature"]], capture_output=True)
        need(done.returncode == 0, "its signature is not that of its key")


def check_block(b, keys, before):
    need(b["format"] == 1, "another format")
    ranges = members_of(b["members"])
    need(sum(y - x + 1 for x, y in ranges) == b["event_count"], "its count is not that of its members")
    need(sha(header_bytes(b)).hex() == b["hash"], "its hash is not that of its header")
    if b["number"] == "1":
        need(b["prev_hash"] == "0" * 64, "block 1 names a block before")
    elif before and before["site"] == b["site"] and int(before["number"]) + 1 == int(b["number"]):
        need(b["prev_hash"] == before["hash"], "it does not name the hash of the block before")
    need((b["site"], b["key_id"]) in keys, "its key is not there")
    check_signature(keys[b["site"], b["key_id"]], header_bytes(b), bytes.fromhex(b["signature"]))
    return ranges


def check_event(e):
    seq, high = int(e["seq"]), int(e["seq"]) >> 40
    local = seq - (high << 40)
    need(e["id"] == f"{e['site']}/{high + 1}-{local}" if high else e["id"] == f"{e['site']}/{local}", "its id is another one")
    need(e["specversion"] == "1.0" and e["source"] == "/taskledger/sites/" + e["site"], "its source is another one")
    time = datetime.strptime(e["time"], "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc)
    for payload, digest in (("context", "contexthash"), ("data_base64", "datahash")):
        need(payload not in e or sha(base64.b64decode(e[payload], validate=True)).hex() == e.get(digest), f"its {payload} was altered")
    fields = [e["site"], seq, e["realm"], e["epoch"], e.get("subject"), e.get("version"), e["type"]]
    return leaf_hash(*fields, (time - EPOCH) // timedelta(milliseconds=1), e["actor"], e.get("contexthash"), e["datahash"])


def check_lines(lines):
    digest, keys, block, ended, seen = hashlib.sha256(), {}, None, False, {"block": [], "event": []}
    for raw in lines:
        need(raw.endswith(b"\n") and not ended, "the file was cut off, or goes on after its end")
        line = json.loads(raw, object_pairs_hook=no_doubles)
        if "taskledger_bundle" in line:
            need(not seen["block"] and line["taskledger_bundle"] == 1, "another format")
            scope, whole = line["scope"], line["scope"]["kind"] == "range"
        elif "key" in line:
            key = line["key"]
            keys[key["site"], key["key_id"]] = bytes.fromhex(key["public_key"])
            need(sha(bytes.fromhex(key["public_key"])).hex()[:32] == key["key_id"], f"key {key['key_id']}: another fingerprint")
        elif "block" in line:
            end_block(block)
            before, b = block and block["line"], line["block"]
            try:
                ranges = check_block(b, keys, before)
            except Wrong as why:
                raise Wrong(f"block {b['number']} of {b['site']}: {why}")
            places = {seq: i for i, seq in enumerate(s for x, y in ranges for s in range(x, y + 1))}
            block = {"line": b, "places": places, "leaves": [], "whole": whole}
            seen["block"].append((b["site"], int(b["number"])))
        elif "event" in line:
            e = line["event"]
            try:
                leaf, place = check_event(e), block["places"].get(int(e["seq"]))
                need(e["site"] == block["line"]["site"] and place is not None, "it is not in this block")
                if whole:
                    need(place == len(block["leaves"]), "an event before it is missing, or it is out of order")
                    block["leaves"].append(leaf)
                else:
                    path = [bytes.fromhex(h) for h in line["path"]]
                    root = root_from_path(leaf, place, block["line"]["event_count"], path)
                    need(root.hex() == block["line"]["root"], "it is not the one that was sealed")
            except Wrong as why:
                raise Wrong(f"event {e['id']}: {why}")
            seen["event"].append(e)
        else:
            end_block(block)
            ended = line["end"] == {**{k + "s": len(v) for k, v in seen.items()}, "sha256": digest.hexdigest()}
            need(ended, "the lines are not those it was written with")
        digest.update(raw)
    need(ended, "the file was cut off")
    check_scope(scope, seen)
    return f"consistent: {len(seen['event'])} events, {len(seen['block'])} blocks; by the keys inside it, which is no proof of origin"


def end_block(block):
    if block and block["whole"]:
        where = f"block {block['line']['number']} of {block['line']['site']}"
        need(len(block["leaves"]) == len(block["places"]), f"{where}: events are missing")
        need(merkle_root(block["leaves"]).hex() == block["line"]["root"], f"{where}: an event is not the one that was sealed")


def check_scope(scope, seen):
    events = seen["event"]
    if scope["kind"] == "range":
        named = [(r["site"], n) for r in scope["ranges"] for n in range(int(r["from"]), int(r["to"]) + 1)]
        need(seen["block"] == named, "blocks of the range are missing")
    elif scope["kind"] == "event":
        need([(e["site"], e["seq"]) for e in events] == [(scope["site"], scope["seq"])], "not the event it is about")
    else:
        versions = sorted((e["epoch"], e["version"]) for e in events if "version" in e)
        need(all(e.get("subject") == scope["task_id"] for e in events), "an event of another task")
        for (epoch, last), (later, version) in zip([(0, 0)] + versions, versions):
            need(version == last + 1 or (later > epoch and 1 <= version <= last), "versions of the task are missing")
        need(max([v for _, v in versions], default=0) == scope["versions"], "versions of the task are missing")


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
    try:
        if sys.argv[1] == "--vectors":
            with open(sys.argv[2], encoding="utf-8") as file:
                print(check_vectors(json.load(file)))
        else:
            with open(sys.argv[1], "rb") as file:
                print(check_lines(file))
    except (Wrong, KeyError, TypeError, ValueError, NameError) as why:
        sys.exit(f"NOT verified: {why!r}" if not isinstance(why, Wrong) else f"NOT verified: {why}")
