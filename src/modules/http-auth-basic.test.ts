import { afterEach, describe, expect, it } from 'vitest';
import { type Balancer, balancer, PREFIX } from '../../test/support/balancer.ts';
import { READ_FAILED } from '../../test/support/memory-disk.ts';
import { portableStage } from '../../test/support/stage.ts';

const SHA512 =
  '$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1';

let subject: Balancer;

afterEach(async () => {
  expect(await subject.close()).toEqual([]);
});

function authorization(user: string, password: string): { headers: { Authorization: string } } {
  return {
    headers: { Authorization: `Basic ${Buffer.from(`${user}:${password}`, 'latin1').toString('base64')}` },
  };
}

describe('a password in a scheme of the system', () => {
  it('is asked of it while the request waits, others going on', async () => {
    const stage = await portableStage();
    const files = { [`${PREFIX}users`]: `ann:${SHA512}\nbob:{PLAIN}b` };
    const text = `error_log logs/error.log; http { server { listen 127.0.0.1:${stage.port(80)};
      location / { auth_basic x; auth_basic_user_file users; try_files /none =202; } } }`;
    subject = await balancer(text, { stage, files });
    const clients = ['Hello world!', 'wrong'].map((password) =>
      subject.client(80).request('/', authorization('ann', password)),
    );
    expect((await subject.client(80).get('/', authorization('bob', 'b'))).status).toBe(202);
    const [right, wrong] = await Promise.all(clients.map((client) => client.answer()));
    if (right?.status === 500) {
      expect(subject.errorLog.some((line) => line.includes('crypt_r() failed'))).toBe(true); // a system without it
    } else expect([right?.status, wrong?.status]).toEqual([202, 401]);
  });

  it('is let go when the client leaves before the answer', async () => {
    const stage = await portableStage();
    const text = `http { server { listen 127.0.0.1:${stage.port(80)}; auth_basic x; auth_basic_user_file users; } }`;
    subject = await balancer(text, { stage, files: { [`${PREFIX}users`]: `ann:${SHA512}` } });
    const client = subject.client(80).request('/', authorization('ann', 'x'));
    await client.flushed();
    client.reset();
    expect((await subject.client(80).get('/', authorization('ann', 'x'))).status).not.toBe(200);
  });
});

describe('a file of users', () => {
  it('that cannot be read is a 500', async () => {
    const text =
      'error_log logs/error.log; http { server { listen 127.0.0.1:80; auth_basic x; auth_basic_user_file users; } }';
    subject = await balancer(text, { files: { [`${PREFIX}users`]: 'a:b' } });
    subject.disk.refuses = (call, path) =>
      call === 'read' && path.endsWith('users') ? READ_FAILED : undefined;
    expect((await subject.client(80).get('/', authorization('a', 'b'))).status).toBe(500);
    await subject.stage.until(() => subject.errorLog.some((line) => line.includes('[crit]')));
  });

  it('that is a folder is a 500, and is said as nginx says it', async () => {
    const text =
      'error_log logs/error.log; http { server { listen 127.0.0.1:80; auth_basic x; auth_basic_user_file users; } }';
    subject = await balancer(text, { files: { [`${PREFIX}users/ann`]: 'a:b' } });
    expect((await subject.client(80).get('/', authorization('a', 'b'))).status).toBe(500);
    const line = `pread() "${PREFIX}users" failed (21: Is a directory)`;
    await subject.stage.until(() => subject.errorLog.some((each) => each.includes(line)));
  });
});
