// proxy_bind with what a variable gives: a wrong address is named in the log and not used, as in nginx, and is nobody's failure.
import { expect, it } from 'vitest';
import { balancer } from '../../test/support/balancer.ts';

it.each([
  ['127.0.0.9', '127.0.0.9'],
  ['127.0.0.9:4000', '127.0.0.9'],
  ['1.2.3', undefined],
  ['999.1.1.1', undefined],
  ['127.0.0.9:99999', undefined],
  ['127.0.0.9:0', undefined],
  ['1:2:3', undefined],
  ['name', undefined],
])('proxy_bind %j', async (written, used) => {
  const subject = await balancer(
    `error_log logs/error.log; http { server { listen 80; location / { proxy_bind $arg_a; proxy_pass http://127.0.0.1:8010; } } }`,
  );
  await subject.peer(8010);
  const connect = subject.stage.engine.connect.bind(subject.stage.engine);
  const locals: unknown[] = [];
  subject.stage.engine.connect = (address, options, handler) => {
    locals.push(options.localAddress?.family === 4 ? options.localAddress.host : options.localAddress);
    return connect(address, {}, handler);
  };
  expect((await subject.client(80).get(`/?a=${written}`)).status).toBe(200);
  expect(locals).toEqual([used]);
  if (used === undefined)
    expect(await subject.line('logs/error.log')).toMatch(/ invalid local address "[^"]+", (?!.*upstream)/);
  expect(await subject.close()).toEqual([]);
});
