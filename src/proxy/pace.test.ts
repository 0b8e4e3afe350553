import { afterEach, describe, expect, it } from 'vitest';
import { type Balancer, balancer } from '../../test/support/balancer.ts';
import { Pace } from './pace.ts';

describe('a pace of 1000 bytes a second', () => {
  it('lets a second go at once, then waits for what went', () => {
    const pace = new Pace(1000, 0, 5000);
    expect(pace.room(5000)).toBe(1000);
    pace.took(1000, 5000);
    expect([pace.room(5999), pace.until]).toEqual([0, 6000]);
    expect(pace.room(6000)).toBe(1000);
    pace.took(200, 6000);
    expect([pace.room(6100), pace.room(6200)]).toEqual([0, 800]);
  });

  it('does not count what goes before it begins', () => {
    const pace = new Pace(1000, 500, 0);
    expect(pace.room(0)).toBe(1500);
    pace.took(500, 0);
    expect(pace.until).toBe(0);
    pace.took(1000, 0);
    expect(pace.until).toBe(1000);
  });
});

describe('an answer under limit_rate', () => {
  let subject: Balancer;

  afterEach(async () => {
    expect(await subject.close()).toEqual([]);
  });

  async function timeOf(server: string, path: string): Promise<number> {
    const files = { '/srv/long': 'x'.repeat(50_000) };
    subject = await balancer(`http { server { listen 127.0.0.1:80; root /srv; ${server} } }`, { files });
    await subject.peer(
      8010,
      () =>
        `HTTP/1.1 200 OK\r\nX-Accel-Limit-Rate: 10000\r\nContent-Length: 50000\r\n\r\n${'x'.repeat(50_000)}`,
    );
    const { engine } = subject.stage;
    const start = engine.now();
    const { body } = await subject.client(80).get(path);
    expect(body.length).toBe(50_000);
    return engine.now() - start;
  }

  it('takes as long as its length asks for, send_timeout or not', async () => {
    const ms = await timeOf('limit_rate 10000; send_timeout 500ms;', '/long');
    expect(ms).toBeGreaterThan(3900);
    expect(ms).toBeLessThan(5500);
  });

  it('goes at once as far as limit_rate_after reaches', async () => {
    expect(await timeOf('limit_rate 10000; limit_rate_after 60k;', '/long')).toBeLessThan(1000);
  });

  it('has the rate that a variable or a peer names', async () => {
    expect(await timeOf('location /long { set $limit_rate 10000; }', '/long')).toBeGreaterThan(3900);
    await subject.close();
    expect(await timeOf('limit_rate $arg_r;', '/long?r=25000')).toBeGreaterThan(900);
    await subject.close();
    expect(await timeOf('location / { proxy_pass http://127.0.0.1:8010; }', '/')).toBeGreaterThan(3900);
  });
});
