// allow and deny, seen by clients whose addresses realip gives them.
import { afterEach, describe, expect, it } from 'vitest';
import { type Balancer, balancer, compileText } from '../../test/support/balancer.ts';

let subject: Balancer | undefined;

afterEach(async () => {
  expect((await subject?.close()) ?? []).toEqual([]);
  subject = undefined;
});

async function statuses(rules: string, addresses: readonly string[], method = 'GET'): Promise<number[]> {
  subject = await balancer(
    `error_log logs/error.log; http { set_real_ip_from 0.0.0.0/0; real_ip_header X-Real-IP; server { listen 127.0.0.1:80; root /site; ${rules} } }`,
    { files: { '/site/f': 'a file' } },
  );
  const found: number[] = [];
  for (const address of addresses) {
    const client = subject.client(80);
    found.push((await client.get('/f', { method, headers: { 'X-Real-IP': address } })).status);
  }
  return found;
}

const RULES: readonly (readonly [name: string, rules: string, answers: Readonly<Record<string, number>>])[] =
  [
    [
      'the first rule that holds decides',
      'location / { allow 1.2.3.0/24; deny 1.2.0.0/16; allow 1.0.0.0/8; deny all; }',
      { '1.2.3.4': 200, '1.2.4.4': 403, '1.3.0.1': 200, '2.0.0.1': 403 },
    ],
    [
      'families do not meet one another’s rules',
      'location / { allow 2001:db8:1::/48; deny 2001:db8::/32; deny 10.0.0.1; }',
      { '2001:db8:1::9': 200, '2001:db8:2::9': 403, '::1': 200, '10.0.0.1': 403, '10.0.0.2': 200 },
    ],
    [
      'IPv4 within IPv6 meets the rules for IPv4, or those for IPv6 where there are none',
      'location / { deny 1.2.3.4; }',
      { '::ffff:1.2.3.4': 403, '::ffff:1.2.3.5': 200 },
    ],
    [
      'IPv4 within IPv6, without rules for IPv4',
      'location / { deny ::ffff:1.2.3.4; }',
      { '::ffff:1.2.3.4': 403 },
    ],
    [
      'a block with rules of its own takes none from outside',
      'deny all; location / { allow 1.0.0.0/8; }',
      { '1.0.0.1': 200, '2.0.0.1': 200 },
    ],
    [
      'a block without any takes those from outside',
      'deny 1.0.0.0/8; location / { }',
      { '1.0.0.1': 403, '2.0.0.1': 200 },
    ],
  ];

describe('access', () => {
  it.each(RULES)('%s', async (_name, rules, answers) => {
    expect(await statuses(rules, Object.keys(answers))).toEqual(Object.values(answers));
  });

  it('says who was refused', async () => {
    await statuses('location / { deny all; }', ['1.2.3.4']);
    expect(subject?.errorLog[0]).toContain('access forbidden by rule, client: 1.2.3.4');
  });

  it('is asked within limit_except for other methods alone', async () => {
    const rules = 'location / { limit_except GET { deny 1.0.0.0/8; } }';
    expect(await statuses(rules, ['1.0.0.1', '2.0.0.1'], 'DELETE')).toEqual([403, 405]);
    await subject?.close();
    expect(await statuses(rules, ['1.0.0.1'])).toEqual([200]);
  });

  it('lets in whom it allows under satisfy any', async () => {
    const rules =
      'location / { satisfy any; allow 1.0.0.0/8; deny all; auth_basic a; auth_basic_user_file /none; }';
    expect(await statuses(rules, ['1.0.0.1', '2.0.0.1'])).toEqual([200, 401]);
  });

  it('warns of bits that a mask hides', () => {
    const { warnings } = compileText('http { server { deny 10.0.0.1/8; } }');
    expect(warnings.map(({ message }) => message)).toEqual([
      'low address bits of 10.0.0.1/8 are meaningless',
    ]);
  });
});
