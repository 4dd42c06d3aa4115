#!/usr/bin/env python3
"""Verifies a taskledger bundle. Written from docs/reference/proof-format.md alone; needs Python 3.9 and the openssl command.
python3 verify.py BUNDLE    exit status 0: consistent; 1: the first thing that is wrong is named"""
import base64, hashlib, json, pathlib, subprocess, sys, tempfile
from datetime import datetime, timedelta, timezone

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)

def need(condition, what):
    if not condition: raise ValueError(what)

def sha(data): return hashlib.sha256(data).digest()

def no_doubles(pairs):
    need(len(dict(pairs)) == len(pairs), "a key is there twice")
    return dict(pairs)

def leaf_hash(*fields):
    return sha(b"\x00" + "\n".join("" if f is None else str(f) for f in ("tl1", *fields)).encode())

def merkle_root(level):
    level = level or [sha(b"")]
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
    again = ",".join(str(a) if a == b else f"{a}-{b}" for a, b in ranges)
    need(again == text and all(p[1] + 1 < q[0] for p, q in zip(ranges, ranges[1:])), "its members are not ascending ranges")
    return ranges

def header_bytes(b):
    fields = ["taskledger block 1", b["site"], b["number"], sha(b["members"].encode()).hex(), b["event_count"]]
    return "\n".join(map(str, fields + [b[n] for n in ("root", "prev_hash", "sealed_at_ms", "sealed_by")])).encode()

def check_signature(public_key, message, signature):
    with tempfile.TemporaryDirectory() as place:
        der = bytes.fromhex("302a300506032b6570032100") + public_key
        for name, data in {"key": der, "message": message, "signature": signature}.items():
            pathlib.Path(place, name).write_bytes(data)
        command = "openssl pkeyutl -verify -rawin -pubin -keyform DER -inkey key -in message -sigfile signature"
        need(subprocess.run(command.split(), cwd=place, capture_output=True).returncode == 0, "its signature is not that of its key")

def check_block(b, keys, before):
    need(b["format"] == 1, "another format")
    ranges = members_of(b["members"])
    need(sum(y - x + 1 for x, y in ranges) == b["event_count"], "its count is not that of its members")
    need(sha(header_bytes(b)).hex() == b["hash"], "its hash is not that of its header")
    follows = before and before["site"] == b["site"] and int(before["number"]) + 1 == int(b["number"])
    link = "0" * 64 if b["number"] == "1" else before["hash"] if follows else b["prev_hash"]
    need(b["prev_hash"] == link, "it does not name the hash of the block before")
    need((b["site"], b["key_id"]) in keys, "its key is not there")
    check_signature(keys[b["site"], b["key_id"]], header_bytes(b), bytes.fromhex(b["signature"]))
    return {seq: i for i, seq in enumerate(s for x, y in ranges for s in range(x, y + 1))}

def check_event(e, included):
    high, local = divmod(int(e["seq"]), 1 << 40)
    need(e["id"] == f"{e['site']}/" + (f"{high + 1}-{local}" if high else f"{local}"), "its id is another one")
    need(e["specversion"] == "1.0" and e["source"] == "/taskledger/sites/" + e["site"], "its source is another one")
    time = datetime.strptime(e["time"], "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc)
    for payload, digest in (("context", "contexthash"), ("data_base64", "datahash")):
        need((payload in e) == (included and digest in e), f"its {payload} is missing, or said to be withheld")
        need(payload not in e or sha(base64.b64decode(e[payload], validate=True)).hex() == e.get(digest), f"its {payload} was altered")
    fields = [e["site"], e["seq"], e["realm"], e["epoch"], e.get("subject"), e.get("version"), e["type"]]
    return leaf_hash(*fields, (time - EPOCH) // timedelta(milliseconds=1), e["actor"], e.get("contexthash"), e["datahash"])

def check_in_block(line, block, included):
    e, b = line["event"], block["line"]
    leaf, place = check_event(e, included), block["places"].get(int(e["seq"]))
    need(e["site"] == b["site"] and place is not None, "it is not in this block")
    if block["whole"]:
        need(place == len(block["leaves"]), "an event before it is missing, or it is out of order")
        block["leaves"].append(leaf)
    else:
        root = root_from_path(leaf, place, b["event_count"], [bytes.fromhex(h) for h in line["path"]])
        need(root.hex() == b["root"], "it is not the one that was sealed")

def naming(what, check, *arguments):
    try:
        return check(*arguments)
    except ValueError as why:
        raise ValueError(f"{what}: {why}") from None

def check_lines(lines):
    digest, keys, block, scope, included, ended, blocks, events = hashlib.sha256(), {}, None, None, None, False, [], []
    for raw in lines:
        need(raw.endswith(b"\n") and not ended, "the file was cut off, or goes on after its end")
        line = json.loads(raw, object_pairs_hook=no_doubles)
        if "taskledger_bundle" in line:
            need(scope is None and line["taskledger_bundle"] == 1, "another format")
            scope, included = line["scope"], line["payloads"] == "included"
        elif "key" in line:
            site, key_id, key = line["key"]["site"], line["key"]["key_id"], bytes.fromhex(line["key"]["public_key"])
            need(sha(key).hex()[:32] == key_id, f"key {key_id}: it has another fingerprint")
            keys[site, key_id] = key
        elif "block" in line:
            end_block(block)
            b = line["block"]
            places = naming(f"block {b['number']} of {b['site']}", check_block, b, keys, block and block["line"])
            block = {"line": b, "places": places, "leaves": [], "whole": scope["kind"] == "range"}
            blocks.append((b["site"], int(b["number"])))
        elif "event" in line:
            naming(f"event {line['event']['id']}", check_in_block, line, block, included)
            events.append({k: v for k, v in line["event"].items() if k not in ("data_base64", "context")})
        else:
            end_block(block)
            ended = line["end"] == {"blocks": len(blocks), "events": len(events), "sha256": digest.hexdigest()}
        digest.update(raw)
    need(ended, "the file was cut off, or its lines are not those it was written with")
    check_scope(scope, blocks, events)
    return f"consistent: {len(events)} events, {len(blocks)} blocks; by the keys inside it, which is no proof of origin"

def end_block(block):
    if block and block["whole"]:
        where = f"block {block['line']['number']} of {block['line']['site']}"
        need(len(block["leaves"]) == len(block["places"]), f"{where}: events are missing")
        need(merkle_root(block["leaves"]).hex() == block["line"]["root"], f"{where}: an event is not the one that was sealed")

def check_scope(scope, blocks, events):
    if scope["kind"] == "range":
        named = [(r["site"], n) for r in scope["ranges"] for n in range(int(r["from"]), int(r["to"]) + 1)]
        need(blocks == named, "blocks of the range are missing")
    elif scope["kind"] == "event":
        need([(e["site"], e["seq"]) for e in events] == [(scope["site"], scope["seq"])], "not the event it is about")
    else:
        versions = sorted((e["epoch"], e["version"]) for e in events if "version" in e)
        need(all(e.get("subject") == scope["task_id"] for e in events), "an event of another task")
        for (epoch, last), (later, version) in zip([(0, 0)] + versions, versions):
            need(version == last + 1 or (later > epoch and 1 <= version <= last), "versions of the task are missing")
        need(max([v for _, v in versions], default=0) == scope["versions"], "versions of the task are missing")

if __name__ == "__main__":
    try:
        with open(sys.argv[1], "rb") as file:
            print(check_lines(file))
    except (ValueError, KeyError, TypeError) as why:
        sys.exit(f"NOT verified: {why}" if type(why) is ValueError else f"NOT verified: not a bundle: {why!r}")
