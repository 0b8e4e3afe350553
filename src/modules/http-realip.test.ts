// What is believed of a client's address; every answer in the table is nginx's own.
import { afterEach, describe, expect, it } from 'vitest';
import { type Balancer, balancer, compileText } from '../../test/support/balancer.ts';

let subject: Balancer | undefined;

afterEach(async () => {
  expect((await subject?.close()) ?? []).toEqual([]);
  subject = undefined;
});

const TRUSTED = 'set_real_ip_from 127.0.0.0/8; set_real_ip_from 10.0.0.0/8;';

/** "address:port" as the exchange takes them, after asking with these lines of `header`. */
async function addressFor(settings: string, header: string, lines: readonly string[]): Promise<string> {
  subject = await balancer(`http { ${TRUSTED} ${settings}
    server { listen 127.0.0.1:80; location / { return 200 "$remote_addr:$remote_port"; } } }`);
  const client = subject.client(80);
  client.send(`GET / HTTP/1.1\r\nHost: a\r\n${lines.map((line) => `${header}: ${line}\r\n`).join('')}\r\n`);
  client.expect('GET');
  return (await client.answer()).body.replace(/^127\.0\.0\.1:\d+$/, 'client');
}

const LINES: readonly (readonly [lines: readonly string[], last: string, recursive: string])[] = [
  [['1.2.3.4'], '1.2.3.4:', '1.2.3.4:'],
  [['1.2.3.4, 10.0.0.1'], '10.0.0.1:', '1.2.3.4:'],
  [['10.0.0.2, 10.0.0.1'], '10.0.0.1:', '10.0.0.2:'],
  [['5.6.7.8,1.2.3.4'], '1.2.3.4:', '1.2.3.4:'],
  [['1.2.3.4:99'], '1.2.3.4:99', '1.2.3.4:99'],
  [['[2001:db8::1]:99'], '2001:db8::1:99', '2001:db8::1:99'],
  [['[2001:db8::1]'], '2001:db8::1:', '2001:db8::1:'],
  [['2001:DB8:0:0:0:0:0:5'], '2001:db8::5:', '2001:db8::5:'],
  [['1.2.3.4, ::ffff:10.0.0.1'], '::ffff:10.0.0.1:', '1.2.3.4:'],
  [['junk'], 'client', 'client'],
  [[''], 'client', 'client'],
  [['1.2.3.4 , , '], '1.2.3.4:', '1.2.3.4:'],
  [[',1.2.3.4'], 'client', 'client'],
  [['1.2.3.4:0'], 'client', 'client'],
  [['1.2.3.4:70000'], 'client', 'client'],
  [['255.255.255.255'], 'client', 'client'],
  [['unix:'], 'client', 'client'],
  [['junk, 10.0.0.1'], '10.0.0.1:', '10.0.0.1:'],
  [['1.2.3.4', '10.0.0.1'], '10.0.0.1:', '1.2.3.4:'],
  [['5.6.7.8', '10.0.0.3, 10.0.0.1'], '10.0.0.1:', '5.6.7.8:'],
  [['5.6.7.8', 'junk, 10.0.0.1'], '10.0.0.1:', '10.0.0.1:'],
  [['5.6.7.8', 'junk'], 'client', 'client'],
  [[], 'client', 'client'],
];

describe('realip', () => {
  it.each(LINES)('believes of X-Forwarded-For %j %s, recursively %s', async (lines, last, recursive) => {
    const header = 'real_ip_header X-Forwarded-For;';
    expect(await addressFor(header, 'X-Forwarded-For', lines)).toBe(last);
    await subject?.close();
    expect(await addressFor(`${header} real_ip_recursive on;`, 'X-Forwarded-For', lines)).toBe(recursive);
  });

  it('takes the first line of any other header', async () => {
    expect(await addressFor('', 'X-Real-IP', ['4.4.4.4', '5.5.5.5'])).toBe('4.4.4.4:');
    await subject?.close();
    expect(await addressFor('real_ip_header X-Own;', 'x-own', ['4.4.4.4'])).toBe('4.4.4.4:');
    await subject?.close();
    expect(
      await addressFor('real_ip_header x-forwarded-for;', 'X-Forwarded-For', ['4.4.4.4', '10.0.0.1']),
    ).toBe('4.4.4.4:');
  });

  it('knows no PROXY protocol where none is spoken', async () => {
    expect(await addressFor('real_ip_header proxy_protocol;', 'X-Real-IP', ['4.4.4.4'])).toBe('client');
  });

  it('believes nobody who is not named, and hosts by their addresses', async () => {
    const text = (from: string): string => `http { set_real_ip_from ${from};
      server { listen 127.0.0.1:80; location / { return 200 $remote_addr; } } }`;
    subject = await balancer(text('10.0.0.0/8'), { names: { proxies: ['10.9.9.9', '127.0.0.1'] } });
    const headers = { 'X-Real-IP': '4.4.4.4' };
    expect((await subject.client(80).get('/', { headers })).body).toBe('127.0.0.1');
    await subject.reload(text('proxies'));
    expect((await subject.client(80).get('/', { headers })).body).toBe('4.4.4.4');
    const { errors } = compileText(text('nobody.invalid'));
    expect(errors[0]?.message).toBe('host not found in set_real_ip_from "nobody.invalid"');
  });

  it('keeps the first address for the whole request, and shows the connection’s own', async () => {
    subject =
      await balancer(`http { ${TRUSTED} error_page 404 /page; log_format a $remote_addr-$realip_remote_addr;
      server { listen 127.0.0.1:80; access_log logs/a a;
        location /page { real_ip_header X-Own; return 200 "$remote_addr $realip_remote_addr $realip_remote_port"; } } }`);
    const answer = await subject
      .client(80)
      .get('/none', { headers: { 'X-Real-IP': '4.4.4.4', 'X-Own': '5.5.5.5' } });
    expect(answer.body).toMatch(/^4\.4\.4\.4 127\.0\.0\.1 \d+$/);
    expect(await subject.line('logs/a')).toBe('4.4.4.4-127.0.0.1');
  });
});
