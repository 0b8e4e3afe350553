import { expect, it } from 'vitest';
import { connectFailure } from './error-text.ts';

it.each([
  ['unix:/s', 'ENOENT', 'crit', 'connect() to unix:/s failed (9: why)'],
  ['unix:/s', 'ECONNREFUSED', 'error', 'connect() to unix:/s failed (9: why)'],
  ['127.0.0.1:1', 'ECONNREFUSED', 'error', 'connect() failed (9: why)'],
  ['[::1]:1', 'ENETUNREACH', 'error', 'connect() to [::1]:1 failed (9: why)'],
  ['[::1]:1', 'EADDRNOTAVAIL', 'crit', 'connect() to [::1]:1 failed (9: why)'],
])('a connect to %s that fails with %s is told of as nginx does', (peer, code, level, text) => {
  const { failure, detail } = connectFailure(peer, { call: 'connect', errno: 9, code, text: 'why' });
  expect([failure.level, failure.code, detail]).toEqual([level, 'connect_failed', text]);
});
