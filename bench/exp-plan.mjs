import { readFileSync } from 'node:fs';
let s = readFileSync(new URL('./exp-projection.mjs', import.meta.url), 'utf8');
s = s.replace("let tP = 0", "client.on('notice', (n) => { if (/written_tasks/.test(n.message) && shown++ === 3) console.log(n.message); }); let shown = 0;\n await client.query(`load 'auto_explain'; set auto_explain.log_min_duration=0; set auto_explain.log_nested_statements=on; set auto_explain.log_analyze=on; set auto_explain.log_buffers=on; set auto_explain.log_wal=on; set auto_explain.log_timing=on; set client_min_messages=log`);\n let tP = 0");
const { writeFileSync } = await import('node:fs');
writeFileSync(new URL('./exp-planned.mjs', import.meta.url), s);
await import('./exp-planned.mjs');
