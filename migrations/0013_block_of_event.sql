-- Which block an event is in is asked by proofs, exports and histories of single tasks. Without an index each of their events
-- walks over all blocks of the site, of which ten million events have a hundred thousand where little happens at a time.
create index blocks_members on taskledger.blocks using gist (members);
