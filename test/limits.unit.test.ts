import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import {
  MAX_ATTEMPTS,
  MAX_GROUP_LENGTH,
  MAX_KEY_LENGTH,
  MAX_NAME_LENGTH,
  MAX_PAYLOAD_BYTES,
  MAX_PAYLOAD_DEPTH,
  MAX_PLUGIN_RANGE_LENGTH,
  MAX_PRIORITY,
  MAX_QUEUE_LENGTH,
  MAX_REASON_LENGTH,
  MIN_PRIORITY,
} from '../src/events/limits.ts';
import { siteNamePattern, taskNamePattern } from '../src/events/names.ts';
import { pluginRangePattern } from '../src/ledger/plugin-range.ts';
import { MAX_SUBMIT_BATCH } from '../src/ledger/submit.ts';

const sql = (name: string): string => readFileSync(new URL(`../migrations/${name}`, import.meta.url), 'utf8');

test('SQL and TypeScript agree on every limit', () => {
  const submission = sql('functions/is_submission.sql');
  const explained = sql('functions/submission_problem.sql');
  const payload = sql('functions/payload_problem.sql');
  for (const text of [submission, explained]) {
    expect(text).toContain(`~ '${taskNamePattern.source}'`);
    expect(text).toContain(`{0,${MAX_QUEUE_LENGTH - 1}}$`);
    expect(text).toContain(`between 1 and ${MAX_GROUP_LENGTH}`);
    expect(text).toContain(`between 1 and ${MAX_KEY_LENGTH}`);
  }
  expect(submission).toContain(`length(name) <= ${MAX_NAME_LENGTH}`);
  expect(submission).toContain(`priority::int between ${MIN_PRIORITY} and ${MAX_PRIORITY}`);
  expect(explained).toContain(`length(v_value) > ${MAX_NAME_LENGTH}`);
  expect(payload).toContain(`octet_length(payload) > ${MAX_PAYLOAD_BYTES}`);
  expect(payload).toContain(`strict $.**{${MAX_PAYLOAD_DEPTH}}`);
  expect(payload).toContain(String(Number.MAX_SAFE_INTEGER));
  for (const file of ['submit', 'submit_many']) {
    expect(sql(`functions/${file}.sql`)).toContain(`<= ${MAX_PAYLOAD_BYTES}`);
    expect(sql(`functions/${file}.sql`)).toContain(`'[{', '')) <= ${MAX_PAYLOAD_DEPTH}`);
  }
  expect(sql('functions/is_retry_policy.sql')).toContain(`$.attempts <= ${MAX_ATTEMPTS}`);
  expect(sql('functions/is_plugin_range.sql')).toContain(`~ '${pluginRangePattern.source}'`);
  expect(sql('functions/is_plugin_range.sql')).toContain(`between 1 and ${MAX_PLUGIN_RANGE_LENGTH}`);
  expect(sql('functions/require_reason.sql')).toContain(`length(reason) > ${MAX_REASON_LENGTH}`);
  for (const file of ['request_abort', 'request_retry', 'request_reschedule', 'resolve']) {
    expect(sql(`functions/${file}.sql`)).toContain(`require_reason(${file}.reason)`);
  }
  expect(sql('0001_log.sql')).toContain(`~ '${siteNamePattern.source}'`);
  expect(MAX_SUBMIT_BATCH).toBe(10_000);
});
